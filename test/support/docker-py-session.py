"""Uses docker-py as its users do, with asserts; prints "all held" at the end. Address from DOCKER_HOST, argument: a registry."""

import io
import sys
import tarfile
import threading

import docker

registry = sys.argv[1]
client = docker.from_env()
assert client.ping()
assert client.version()["ApiVersion"] == "1.51"

# run, in all its forms
none = {"network_mode": "none"}
assert client.containers.run("busybox", "echo hello", remove=True, **none) == b"hello\n"
try:
    client.containers.run("busybox", ["sh", "-c", "echo wrong >&2; exit 3"], remove=True, **none)
    raise AssertionError("an exit code was passed over")
except docker.errors.ContainerError as error:
    assert error.exit_status == 3 and b"wrong" in error.stderr, error
container = client.containers.run("busybox", "sleep 1000", name="py", detach=True, labels={"a": "b"}, **none)
assert container.status == "created" and container.short_id == container.id[: len(container.short_id)]
container.reload()
assert container.status == "running"
assert [one.name for one in client.containers.list(filters={"label": "a=b"})] == ["py"]

# exec: code and output, apart, as a stream, as a socket
code, output = container.exec_run(["sh", "-c", "echo out; echo err >&2; exit 4"], demux=True)
assert (code, output) == (4, (b"out\n", b"err\n")), (code, output)
assert b"".join(container.exec_run("seq 3", stream=True).output) == b"1\n2\n3\n"
assert container.exec_run("pwd", workdir="/tmp", user="1000").output == b"/tmp\n"
_, socket = container.exec_run("cat", stdin=True, tty=True, socket=True)
socket._sock.sendall(b"typed\n")
assert b"typed" in socket._sock.recv(100)
socket.close()

# files
data = io.BytesIO()
with tarfile.open(fileobj=data, mode="w") as tar:
    entry = tarfile.TarInfo("given")
    entry.size = 7
    tar.addfile(entry, io.BytesIO(b"content"))
assert container.put_archive("/tmp", data.getvalue())
bits, stat = container.get_archive("/tmp/given")
assert stat["name"] == "given" and stat["size"] == 7, stat
with tarfile.open(fileobj=io.BytesIO(b"".join(bits))) as tar:
    assert tar.extractfile("given").read() == b"content"
assert {"Path": "/tmp/given", "Kind": 1} in container.diff()
assert container.stats(stream=False)["memory_stats"]["usage"] > 0
assert container.top()["Processes"][0][-1] == "sleep 1000"

# life
container.pause()
container.unpause()
container.rename("other")
container.restart(timeout=0)
container.kill()
assert container.wait()["StatusCode"] == 137
container.start()
container.stop(timeout=0)
image = container.commit("made", "1")
assert image.tags == ["made:1"]
container.remove()
try:
    client.containers.get("other")
    raise AssertionError("it is still there")
except docker.errors.NotFound:
    pass

# attach, logs
talker = client.containers.create("busybox", ["sh", "-c", "echo one; echo two"], **none)
stream = talker.attach(stream=True, stdout=True, stderr=True)
talker.start()
assert b"".join(stream) == b"one\ntwo\n"
talker.wait()
assert talker.logs(tail=1) == b"two\n"
assert b"".join(talker.logs(stream=True, follow=True)) == b"one\ntwo\n"
talker.remove()

# build, push, pull, save, load
dockerfile = io.BytesIO(b"FROM busybox\nARG WHO\nRUN echo built for $WHO\n")
built, log = client.images.build(fileobj=dockerfile, tag=f"{registry}/py:1", buildargs={"WHO": "you"}, rm=True)
assert any("built for you" in line.get("stream", "") for line in log)
try:
    client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN exit 7\n"))
    raise AssertionError("a failed step was passed over")
except docker.errors.BuildError as error:
    assert "non-zero code: 7" in error.msg, error.msg
assert "digest: sha256:" in client.images.push(f"{registry}/py", tag="1")
assert client.images.get_registry_data(f"{registry}/py:1").id.startswith("sha256:")
saved = b"".join(built.save(named=True))
client.images.remove(f"{registry}/py:1")
assert client.images.pull(f"{registry}/py", tag="1").id == built.id
assert client.images.load(saved)[0].id == built.id
try:
    client.images.get("none:such")
    raise AssertionError("an image out of nowhere")
except docker.errors.ImageNotFound:
    pass

# volumes, networks, events
volume = client.volumes.create("py-data", labels={"a": "b"})
network = client.networks.create(sys.argv[2], driver="bridge")
try:
    heard = []
    events = client.events(decode=True, filters={"type": "container", "event": ["die"]})
    listener = threading.Thread(target=lambda: heard.append(next(events)))
    listener.start()
    client.containers.run(
        "busybox", ["sh", "-c", "echo kept > /data/file"], volumes={"py-data": {"bind": "/data", "mode": "rw"}},
        network=sys.argv[2], remove=True,
    )
    listener.join(30)
    assert heard[0]["Actor"]["Attributes"]["exitCode"] == "0", heard
    mount = docker.types.Mount("/data", "py-data", read_only=True)
    assert client.containers.run("busybox", "cat /data/file", mounts=[mount], remove=True, **none) == b"kept\n"
    assert [one.name for one in client.networks.list(names=[sys.argv[2]])] == [sys.argv[2]]
    assert client.volumes.get("py-data").attrs["Labels"] == {"a": "b"}
finally:
    network.remove()
    volume.remove()
assert client.df()["LayersSize"] > 0
assert client.containers.prune()["SpaceReclaimed"] >= 0
assert client.containers.list(all=True) == []
print("all held")
