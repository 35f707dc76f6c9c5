#!/usr/bin/env bash
# make_image.sh FOLDER KEY SOURCE...: Debian 13 with nginx, sshd and SELinux's policy, made from this machine's apt sources:
# FOLDER/disk.raw, with FOLDER/vmlinuz and FOLDER/initrd that boot it. Run as root; KEY is who may log in.

set -euo pipefail
folder=$1 key=$2
shift 2
root=$(mktemp -d "$folder/root.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT

# dbus, since systemd-run talks to systemd by it; e2fsprogs, since a machine that lost its power checks its disk.
packages=(
  linux-image-cloud-amd64 initramfs-tools systemd-sysv dbus e2fsprogs openssh-server nginx-light python3 iproute2 nftables
  selinux-policy-default policycoreutils policycoreutils-python-utils
)
# The initial file system has what finds the disk, and no module for other machines: an emulator is long at unpacking it.
initial='mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/etc/initramfs-tools/hooks"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/machine"
printf "%s\n" "#!/bin/sh" "[ \"\$1\" != prereqs ] || exit 0" ". /usr/share/initramfs-tools/hook-functions" \
  "manual_add_modules virtio_pci virtio_blk ext4" >"$1/etc/initramfs-tools/hooks/machine"
chmod 755 "$1/etc/initramfs-tools/hooks/machine"'
mmdebstrap --mode=root --variant=minbase --include="$(IFS=,; echo "${packages[*]}")" --essential-hook="$initial" \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' trixie "$root" "$@"

cp "$root"/boot/vmlinuz-* "$folder/vmlinuz"
cp "$root"/boot/initrd.img-* "$folder/initrd"
rm -f "$root"/boot/initrd.img-*

echo machine >"$root/etc/hostname"
echo "127.0.0.1 localhost machine" >"$root/etc/hosts"
echo "/dev/vda / ext4 defaults 0 1" >"$root/etc/fstab"
install -d -m 700 "$root/root/.ssh"
install -m 600 "$key" "$root/root/.ssh/authorized_keys"
# The address that QEMU's user network gives its first guest.
printf '[Match]\nName=e*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n' >"$root/etc/systemd/network/10-user.network"
sed -i 's/^SELINUX=.*/SELINUX=enforcing/' "$root/etc/selinux/config"
# A name look-up for each login would wait for a resolver that is not there.
echo "UseDNS no" >"$root/etc/ssh/sshd_config.d/machine.conf"
install -d "$root/etc/systemd/journald.conf.d" "$root/var/log/journal"
printf '[Journal]\nStorage=persistent\nAudit=yes\n' >"$root/etc/systemd/journald.conf.d/machine.conf"
: >"$root/etc/machine-id"
systemctl --root="$root" --quiet enable systemd-networkd nginx ssh
systemctl --root="$root" --quiet mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer dpkg-db-backup.timer \
  fstrim.timer e2scrub_reap.service systemd-networkd-wait-online.service getty@tty1.service serial-getty@ttyS0.service

# Labels of all files, here and not by a first boot: that takes two minutes in an emulator.
chroot "$root" setfiles -F -e /proc -e /sys -e /dev /etc/selinux/default/contexts/files/file_contexts / >/dev/null

truncate --size 2G "$folder/disk.raw"
mke2fs -q -F -t ext4 -E root_owner=0:0 -d "$root" "$folder/disk.raw"
