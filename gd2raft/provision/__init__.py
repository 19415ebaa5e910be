"""What bricks are made from on this peer: files on loop devices, LVM thin pools. Knows disks and commands, not volumes or the pool."""
