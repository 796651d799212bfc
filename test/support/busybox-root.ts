import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const applets =
  'sh tr cat id sleep true false grep pwd env hostname touch tail head ls stty dd wc nc ip wget httpd kill ps seq printf tty trap chmod mkdir rm nslookup ping date yes chroot setsid mv ln'

/** Fills `root` with a small system made of the machine's static busybox. */
export function makeBusyboxRoot(root: string): void {
  for (const folder of ['bin', 'etc', 'tmp', 'dev', 'proc', 'sys'])
    mkdirSync(join(root, folder), { recursive: true })
  cpSync('/bin/busybox', join(root, 'bin/busybox'))
  for (const applet of applets.split(' ')) symlinkSync('busybox', join(root, 'bin', applet))
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0::/root:/bin/sh\nbuild:x:1000:1000::/home/build:/bin/sh\n',
  )
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nwheel:x:10:build\n')
  for (const file of ['hosts', 'resolv.conf', 'hostname']) writeFileSync(join(root, 'etc', file), '')
}
