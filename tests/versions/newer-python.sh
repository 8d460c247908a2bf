#!/usr/bin/env bash
# Runs a command in this checkout with Python 3.14, on a machine that has none: in the root directory of Debian's
# next release, which is made for it and removed afterwards. It needs to be root, and Debian's debootstrap.
#
#     tests/versions/newer-python.sh python tests/versions/run.py 3.3.2 --python 3.14
#
# It ends with 75 if that root directory cannot be made here, and otherwise as the command does.
set -euo pipefail
release=forky python=python3.14 checkout="$(cd "$(dirname "$0")/../.." && pwd)"
cannot() { echo "Python 3.14 cannot be had here: $*"; exit 75; }

[ "$(id -u)" = 0 ] || cannot "only root can make a root directory"
unshare --mount --pid --fork bash -c 'mount --bind /tmp /tmp && mount -t proc proc /mnt' 2>/dev/null ||
    cannot "nothing can be mounted"
command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap >/dev/null; } ||
    cannot "there is no debootstrap"
# An older debootstrap does not know the release; each is made as the one before it.
scripts=/usr/share/debootstrap/scripts
[ -e "$scripts/$release" ] || ln -s sid "$scripts/$release"

root="$(mktemp -d)"
# The checkout is mounted in there, in another namespace; it is not to be removed, whatever happens.
trap 'rm -rf --one-file-system "$root"' EXIT
debootstrap --variant=minbase --include=$python,$python-venv,ca-certificates,git $release "$root" >"$root.log" 2>&1 ||
    { tail -n 3 "$root.log"; cannot "debootstrap failed"; }
rm "$root.log"
# The certificates that this machine trusts: a proxy may have one of its own.
cp "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$root/certificates.pem"
cp /etc/resolv.conf "$root/etc/"
mkdir -p "$root$checkout"

# What is mounted in a namespace of its own is gone with it.
run='
    set -e
    mount --bind "$2" "$1$2"
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    cd /
    exec chroot "$1" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/bin:/bin \
        SSL_CERT_FILE=/certificates.pem PIP_CERT=/certificates.pem REQUESTS_CA_BUNDLE=/certificates.pem \
        bash -c '"'"'
            set -e
            '$python' -m venv /venv
            export PATH=/venv/bin:$PATH
            pip install --quiet uv
            cd "$0"
            exec "$@"
        '"'"' "${@:2}"
'
unshare --mount --pid --fork bash -c "$run" bash "$root" "$checkout" "$@"
