import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'
import { runUnprivileged } from '../support/unprivileged-container.ts'

let mille: TestMille
let folder: string

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  folder = join(mille.root, 'shared')
  mkdirSync(join(folder, 'ctx'), { recursive: true })
  writeFileSync(join(folder, 'ctx/file'), 'of the context\n')
  writeFileSync(join(folder, 'token'), 'secret word')
})
after(() => mille[Symbol.dispose]())

/** One of each: owners, links, devices of /dev, all mounts, what is opened but not changed, folders made anew, processes that stay. */
const dockerfile = `FROM busybox AS first
COPY file /x
RUN mkdir /d && touch /d/f && chown -R 77:78 /d && mkfifo /d/p && ln -s f /d/l && ln /d/f /d/h && chmod 4755 /d/f
RUN rm -rf /bin/zcat && mkdir -p /e/a/b && chmod 644 /x && echo >/dev/null && head -c 3 /dev/zero > /zeros
RUN rm -r /d /e/a && mkdir /d /e/a && echo new > /d/x && echo >> /etc/hosts && cat /etc/resolv.conf >/dev/null
RUN --mount=type=bind,target=/src,rw cp /src/file /copied && echo >> /src/file
RUN --mount=type=cache,target=/c/deep/cache echo 1 >> /c/deep/cache/n && wc -l < /c/deep/cache/n > /count
RUN --mount=type=cache,target=/c/deep/cache echo 1 >> /c/deep/cache/n && wc -l < /c/deep/cache/n >> /count
RUN --mount=type=secret,id=token --mount=type=secret,id=token,env=T --mount=type=tmpfs,target=/etc/t \\
    wc -c < /run/secrets/token > /length && test "$(echo $T | wc -c)" = 12 && touch /etc/t/x /etc/made
RUN <<EOF
sleep 1000 &
mkdir -p /proc /sys; ln /x /y
mv /y /z
EOF
FROM busybox AS other
RUN --mount=from=first,source=/d,target=/dev/from ls /dev/from > /seen; rm -rf /dev/from || true
FROM first
USER 77:78
RUN id > /tmp/id; umask > /tmp/mask
WORKDIR /w/z
COPY --from=other --chown=5:6 /seen ./
`

test('the same Dockerfile gives the same image in a container without privileges', () => {
  writeFileSync(join(folder, 'ctx/Dockerfile'), dockerfile)
  const flags = ['--secret', `id=token,src=${folder}/token`]
  const expected = mille.ok('build', '-q', ...flags, join(folder, 'ctx'))
  const script = `
    export MILLE_ROOT=/t/store
    mille load -qi /t/busybox.tar >/dev/null
    mille info | grep -A1 Isolation:
    mille build -q --secret id=token,src=/t/token /t/ctx || exit
    mille build -q --secret id=token,src=/t/token /t/ctx
    ls /t/store/builds /t/store/snapshots/copies
    ps | grep -c 'sleep 100[0]'`
  const { out, err } = runUnprivileged(mille, script, { folder })
  const [isolation, reason, ...rest] = out.trim().split('\n')
  assert.equal(isolation, 'Isolation: chroot', err)
  assert.match(reason ?? '', /Reason: no namespaces: .*operation not permitted/)
  assert.deepEqual(rest, [expected, expected, '/t/store/builds:', '', '/t/store/snapshots/copies:', '0'], err)
  const found = spawnSync('grep', ['-rlsaD', 'skip', 'secret word', join(folder, 'store')])
  assert.equal(found.stdout.toString(), '')
})

test('without CAP_MKNOD there is a /dev/null, too, and the image is the same', () => {
  writeFileSync(
    join(folder, 'ctx/Dockerfile'),
    'FROM busybox\nRUN echo x > /dev/null; wc -c < /etc/passwd > /n\n',
  )
  const expected = mille.ok('build', '-q', join(folder, 'ctx'))
  const flags = ['--cap-drop', 'MKNOD']
  const { out, err } = runUnprivileged(mille, 'mille build --iidfile /id /t/ctx; cat /id', { folder, flags })
  assert.equal(out, expected)
  assert.match(err, /no devices can be made here; \/dev\/null is an ordinary file/)
})

test('what cannot be had without namespaces is said', () => {
  writeFileSync(join(folder, 'ctx/Dockerfile'), 'FROM busybox\nRUN --network=none true\n')
  const script = `
    mille build /t/ctx; echo $?
    mille run --rm busybox true; echo $?
    mille ps -aq
    mille build --isolation oci /t/ctx; echo $?`
  const { out, err } = runUnprivileged(mille, script, { folder })
  assert.equal(out, '1\n125\n1\n')
  assert.match(
    err,
    /Dockerfile:2:1\n[^]*error: --network=none cannot be had here: it needs namespaces, and there is only chroot/,
  )
  assert.match(err, /a container cannot be had here: it needs namespaces, .*builds work here/)
})

test('where even chroot(2) is refused the error names what is missing', () => {
  writeFileSync(join(folder, 'ctx/Dockerfile'), 'FROM busybox\nRUN true\n')
  const flags = ['--cap-drop', 'SYS_CHROOT']
  const { out, err } = runUnprivileged(mille, 'mille build /t/ctx; echo $?', { folder, flags })
  assert.equal(out, '1\n')
  assert.match(
    err,
    /isolation chroot cannot be had here: CAP_SYS_CHROOT is missing, and namespaces are refused/,
  )
})

test('--isolation chroot gives the same image on this machine; an unknown one is refused', () => {
  writeFileSync(join(folder, 'ctx/Dockerfile'), 'FROM busybox\nRUN rm -r /var && mkdir /var; sleep 1000 &\n')
  const expected = mille.ok('build', '-q', join(folder, 'ctx'))
  assert.equal(mille.ok('build', '-q', '--no-cache', '--isolation', 'chroot', join(folder, 'ctx')), expected)
  const { code, err } = mille.run(['build', '--isolation', 'hyperv', join(folder, 'ctx')])
  assert.equal(code, 1)
  assert.match(err, /isolation "hyperv" cannot be had here: there are auto, oci and chroot/)
})
