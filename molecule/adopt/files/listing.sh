# Everything that counts in the configuration's tree: paths, kinds, modes, owners, link targets, and the digest of each file.
set -e
cd /etc/nginx
find . -printf '%P %y %m %u:%g %l\n' | LC_ALL=C sort
find . -type f -exec sha256sum '{}' + | LC_ALL=C sort
