"""A disk with a volatile cache: what was not flushed when its power is cut is lost, sector by sector, by the toss of a coin.

An NBD server of one client (NetworkBlockDevice/nbd doc/proto.md, fixed newstyle) -> nbdfuse -> loop device -> file system.
"""

import contextlib
import errno
import mmap
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import threading
import time

SECTOR = 512
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
HAS_FLAGS, SEND_FLUSH = 1, 4
GO, ABORT = 7, 2
ACK, INFO, UNSUPPORTED = 1, 3, 0x80000001
REPLY_MAGIC = 0x3E889045565A9


def missing(kind):
    """What keeps a power cut on such a file system from being tried here, in words; nothing if it can be."""
    if subprocess.run(["id", "-u"], capture_output=True, text=True, check=True).stdout.strip() != "0":
        return "only root can mount"
    for node in ("/dev/fuse", "/dev/loop-control"):
        if not pathlib.Path(node).exists():
            return f"{node} is not there"
    for tool in ("nbdfuse", "losetup", f"mkfs.{kind}"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    if kind not in pathlib.Path("/proc/filesystems").read_text().split():
        return f"the kernel has no {kind}"
    return None


class VolatileDisk:
    """`image` is what survives; it is what was flushed, and what the cut lets through."""

    def __init__(self, image, socket_path):
        self.lock, self.is_off, self.pending, self.fate = threading.Lock(), threading.Event(), [], None
        self.file = open(image, "r+b")
        self.durable = mmap.mmap(self.file.fileno(), 0)
        self.visible = mmap.mmap(-1, len(self.durable))
        self.flushes = self.lost = 0
        self._copy_in()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(socket_path))
        self.listener.listen(1)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _copy_in(self):
        at, size = 0, len(self.durable)
        with contextlib.suppress(OSError):  # ENXIO: no data behind
            while at < size:
                begin = os.lseek(self.file.fileno(), at, os.SEEK_DATA)
                at = os.lseek(self.file.fileno(), begin, os.SEEK_HOLE)
                self.visible[begin:at] = self.durable[begin:at]

    def cut(self, dice, kept, seconds):
        """The power fails after a while, when the disk is next told to flush: each sector that was not flushed survives
        with probability `kept`."""
        time.sleep(seconds)
        with self.lock:
            self.fate = lambda: dice.random() < kept
        self.is_off.wait(1)
        with self.lock:
            self._fail()  # nobody asked for a flush meanwhile

    def _fail(self):
        if self.is_off.is_set():
            return
        sectors = {at for offset, size in self.pending for at in range(offset, offset + size, SECTOR)}
        for at in sorted(sectors):
            if self.fate():
                self.durable[at:at + SECTOR] = self.visible[at:at + SECTOR]
            else:
                self.lost += 1
        self.durable.flush()
        self.is_off.set()

    def close(self):
        self.listener.close()
        self.durable.close()
        self.visible.close()
        self.file.close()

    def _serve(self):
        with contextlib.suppress(OSError, ConnectionError, struct.error):
            client, _ = self.listener.accept()
            with client, client.makefile("rb") as stream:
                self._greet(client, stream)
                while self._obey(client, stream):
                    pass

    def _greet(self, client, stream):
        client.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 1))
        stream.read(4)
        while True:
            _, option, length = struct.unpack(">8sII", stream.read(16))
            stream.read(length)
            if option == GO:
                export = struct.pack(">HQH", 0, len(self.durable), HAS_FLAGS | SEND_FLUSH)
                client.sendall(struct.pack(">QIII", REPLY_MAGIC, option, INFO, len(export)) + export)
            code = ACK if option in (GO, ABORT) else UNSUPPORTED
            client.sendall(struct.pack(">QIII", REPLY_MAGIC, option, code, 0))
            if option == GO:
                return

    def _obey(self, client, stream):
        _, _, kind, handle, offset, length = struct.unpack(">IHHQQI", stream.read(28))
        if kind == DISCONNECT:
            return False
        data = stream.read(length) if kind == WRITE else b""
        with self.lock:
            if self.fate and kind == FLUSH:
                self._fail()
            failed, answer = (errno.EIO, b"") if self.is_off.is_set() else self._do(kind, offset, length, data)
        client.sendall(struct.pack(">IIQ", 0x67446698, failed, handle) + answer)
        return True

    def _do(self, kind, offset, length, data):
        if kind == READ:
            return 0, self.visible[offset:offset + length]
        if kind == WRITE:
            self.visible[offset:offset + length] = data
            self.pending.append((offset, length))
        elif kind == FLUSH:
            self.flushes += 1
            for at, size in self.pending:
                self.durable[at:at + size] = self.visible[at:at + size]
            self.pending.clear()
        else:
            return errno.EINVAL, b""
        return 0, b""


class Machine:
    """A file system on a volatile disk; after a cut and a restart, on what is left of it."""

    def __init__(self, folder, base):
        self.folder, self.image = pathlib.Path(folder), pathlib.Path(folder) / "image"
        self.folder.mkdir()
        self.mount = self.folder / "mnt"
        self.mount.mkdir()
        (self.folder / "device").mkdir()
        run("cp", "--sparse=always", base, self.image)
        self.disk = VolatileDisk(self.image, self.folder / "nbd")
        device = self.folder / "device" / "disk"
        with open(self.folder / "nbdfuse.log", "wb") as log:
            command = ["nbdfuse", device, f"nbd+unix:///?socket={self.folder}/nbd"]
            self.fuse = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
        wait_for(device.exists)
        self.loop = run("losetup", "-f", "--show", device).strip()
        run("mount", self.loop, self.mount)

    def restart(self):
        """Once nothing works on it any more."""
        self._leave()
        self.disk.close()
        run("mount", "-o", "loop", self.image, self.mount)

    def _leave(self):
        run("umount", "-l", self.mount)
        run("losetup", "-d", self.loop)
        self.fuse.terminate()
        self.fuse.wait()
        run("umount", "-l", self.folder / "device", check=False)

    def stop(self):
        run("umount", self.mount)


def run(*words, check=True):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the disk did not come up")
        time.sleep(0.01)


def make_base(kind, path, mib):
    """An empty file system in a sparse file."""
    with open(path, "wb") as out:
        out.truncate(mib << 20)
    force = {"ext4": ["-q", "-m0", "-E", "lazy_itable_init=0,lazy_journal_init=0"], "xfs": ["-q"]}[kind]
    run(f"mkfs.{kind}", *force, path)
    return path
