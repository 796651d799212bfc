/** Is the net reached through a proxy? Then names are looked up by it, and it decides where they may lead. */
export function hasProxy(): boolean {
  return ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'].some((name) => Boolean(process.env[name]))
}
