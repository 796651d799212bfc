/** overlayfs keeps its own state in these: from an image they would steer it, in an image they would mean nothing. */
export function isOverlayXattr(name: string): boolean {
  return name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.')
}
