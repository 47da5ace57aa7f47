package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// recipe is everything that the guest's disk is made from but the packages'
// versions, which are those of the day on which it is made. Its hash names the
// disk in the cache.
type recipe struct {
	suite    string
	packages []string
	early    []string // shell lines, before the kernel is installed; $1 is the root
	late     []string // shell lines inside the root, at the end
	files    []file
	size     string
}

func guestRecipe() recipe {
	return recipe{
		suite: "bookworm",
		packages: []string{
			"linux-image-amd64", "systemd", "systemd-sysv", "dbus", "procps", "curl", "openssh-server", "iproute2",
			"kmod", "udev", "jq", "tzdata", "libpam-systemd", "e2fsprogs",
			"ca-certificates", // what the package depends on
		},
		// A small initrd: an emulated processor takes seconds to unpack the usual one.
		early: []string{
			`mkdir -p "$1/etc/initramfs-tools/conf.d"`,
			`echo MODULES=list >"$1/etc/initramfs-tools/conf.d/guest"`,
			`printf 'virtio_pci\nvirtio_blk\next4\n' >"$1/etc/initramfs-tools/modules"`,
		},
		late: []string{
			"systemctl enable systemd-networkd ssh serial-getty@ttyS0",
			// They would reach for mirrors that the guest cannot see, or look through disks that it does not have.
			"systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service",
		},
		files: []file{
			{"/etc/hostname", 0o644, "guest\n"},
			{"/etc/hosts", 0o644, "127.0.0.1 localhost\n127.0.1.1 guest\n::1 localhost\n"},
			{"/etc/fstab", 0o644, "/dev/vda / ext4 errors=remount-ro 0 1\n"},
			{"/etc/resolv.conf", 0o644, "nameserver 10.0.2.3\n"},
			{"/etc/systemd/network/20-wired.network", 0o644, "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\n"},
			// With an id of its own the first boot is like any other.
			{"/etc/machine-id", 0o444, "6372f1a7a5f14c0c9d2b8f6f0d1c5e42\n"},
			{"/etc/ssh/sshd_config.d/guest.conf", 0o644, "UseDNS no\nMaxSessions 50\n"},
		},
		size: "6G",
	}
}

func (r recipe) hash() string {
	sum := sha256.Sum256(fmt.Append(nil, "3 ", r.suite, r.packages, r.early, r.late, r.files, r.size))
	return hex.EncodeToString(sum[:6])
}

// arguments are those of mmdebstrap, which makes the root folder from the
// mirrors.
func (r recipe) arguments(root string, apt []string, mirrors []string) []string {
	args := []string{"--variant=minbase", "--format=directory", "--include=" + strings.Join(r.packages, ",")}
	for _, o := range apt {
		args = append(args, "--aptopt="+o)
	}
	for _, line := range r.early {
		args = append(args, "--essential-hook="+line)
	}
	return append(append(args, r.suite, root), mirrors...)
}
