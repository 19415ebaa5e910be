"""The commands by which bricks are made, mounted and taken away, as data. PURE: nothing is run here.

XFS and LVM as heketi has them (inodes of 512 bytes, directory blocks of 8 KiB, arbiters may fill up with inodes; a volume group per device, a thin
pool per brick). One difference: pools have no metadata spare, so that a brick takes what the books say it takes.
"""

from __future__ import annotations

from gd2raft.commands.step_kinds import CloneStorage, MakeStorage
from gd2raft.provision.run import Words

MOUNT_OPTIONS = "rw,inode64,noatime,nouuid"
"""nouuid: a clone's file system has the UUID of that which it is a copy of."""
LVM_METADATA, LVM_ALIGNMENT, LVM_EXTENT, THIN_CHUNK = "128M", "256K", "4M", "256K"
KIB = 1024


def mkfs(target: str, *, arbiter: bool) -> Words:
    """
    >>> " ".join(mkfs("/f", arbiter=True))
    'mkfs.xfs -q -f -i size=512,maxpct=100 -n size=8192 /f'
    """
    return ("mkfs.xfs", "-q", "-f", "-i", "size=512,maxpct=100" if arbiter else "size=512", "-n", "size=8192", target)


def umount(mount: str) -> Words:
    return ("umount", mount)


# loop


def image(part: MakeStorage) -> str:
    return f"{part.device_path}/{part.brick}.img"


def loop_mount(part: MakeStorage) -> Words:
    """The loop device is the mount's own: the kernel takes it away at the unmount."""
    return ("mount", "-t", "xfs", "-o", f"loop,{MOUNT_OPTIONS}", image(part), part.mount)


def loop_copy(part: CloneStorage) -> Words:
    """To a draft. Where the file system of the folder can (XFS, btrfs), both share what neither has changed since, and it takes no time."""
    source = f"{part.device_path}/{part.source}.img"
    return ("cp", "--reflink=auto", "--sparse=always", source, f"{image(part)}.new")


# lvm


def group(device: str) -> str:
    return f"vg_{device}"


def mapped(part: MakeStorage) -> str:
    return f"/dev/mapper/{group(part.device)}-brick_{part.brick}"


def lvm_set_up(device: str, disk: str) -> tuple[Words, ...]:
    return (
        ("lvm", "pvcreate", "-qq", f"--metadatasize={LVM_METADATA}", f"--dataalignment={LVM_ALIGNMENT}", disk),
        ("lvm", "vgcreate", "-qq", f"--physicalextentsize={LVM_EXTENT}", "--autobackup=n", group(device), disk),
    )


def lvm_drop(device: str, disk: str) -> tuple[Words, ...]:
    return (("lvm", "vgremove", "-qq", group(device)), ("lvm", "pvremove", "-qq", disk))


def lvm_grow(disk: str) -> Words:
    """The group gets what the disk has more than before."""
    return ("lvm", "pvresize", "-qq", disk)


def lvm_size(device: str) -> Words:
    """Prints JSON: see lvm.facts_of."""
    columns = "vg_size,vg_extent_size"
    return ("lvm", "vgs", "--reportformat", "json", "--units", "b", "--nosuffix", "-o", columns, group(device))


def lvm_groups(device: str) -> Words:
    """Prints the group's name when there is one."""
    return ("lvm", "vgs", "--noheadings", "-o", "vg_name", "-S", f"vg_name={group(device)}")


def lvm_volumes(part: MakeStorage) -> Words:
    """Prints the names of the brick's logical volumes that there are."""
    select = f"vg_name={group(part.device)} && (lv_name=brick_{part.brick} || lv_name=tp_{part.brick})"
    return ("lvm", "lvs", "--noheadings", "-o", "lv_name", "-S", select)


def lvm_make(part: MakeStorage) -> tuple[Words, ...]:
    create = (
        "lvm", "lvcreate", "-qq", "--autobackup=n", "--poolmetadatasize", f"{part.metadata // KIB}K", "--poolmetadataspare", "n",
        "--chunksize", THIN_CHUNK, "--size", f"{part.pool // KIB}K", "--thin", f"{group(part.device)}/tp_{part.brick}",
        "--virtualsize", f"{part.size // KIB}K", "--name", f"brick_{part.brick}",
    )  # fmt: skip
    return create, mkfs(mapped(part), arbiter=part.arbiter)


def lvm_mount(part: MakeStorage) -> Words:
    return ("mount", "-t", "xfs", "-o", MOUNT_OPTIONS, mapped(part), part.mount)


def lvm_activate(part: MakeStorage) -> Words:
    return ("lvm", "lvchange", "-qq", "--autobackup=n", "-ay", f"{group(part.device)}/brick_{part.brick}")


def lvm_unmake(part: MakeStorage, volumes: str) -> tuple[Words, ...]:
    """`volumes`: what lvm_volumes printed. A pool goes after the brick in it."""
    there = volumes.split()
    names = [name for name in (f"brick_{part.brick}", f"tp_{part.brick}") if name in there]
    return tuple(("lvm", "lvremove", "-qq", "--autobackup=n", "-f", f"{group(part.device)}/{name}") for name in names)
