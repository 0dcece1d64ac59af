#!/bin/sh
# need.sh PACKAGE TEST...: install the Debian package PACKAGE (or several, in one word) unless the command TEST succeeds.
# Needs root or a sudo that asks for no password; otherwise it names the one command and fails.
set -eu
package=$1
shift
if "$@" >/dev/null 2>&1; then exit 0; fi
install="apt-get install -y --no-install-recommends $package"
if ! command -v apt-get >/dev/null 2>&1; then
  echo "missing: $package (on Debian or Ubuntu: sudo $install)" >&2
  exit 1
fi
if [ "$(id -u)" = 0 ]; then as_root=
elif sudo -n true 2>/dev/null; then as_root="sudo -n"
else
  echo "missing: $package. Run: sudo $install" >&2
  exit 1
fi
echo "installing $package"
# RUNLEVEL=1: a package that brings a server need not start it, the stack starts its own.
if ! $as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive $install; then
  $as_root apt-get update
  $as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive $install
fi
"$@" >/dev/null 2>&1 || { echo "still missing after installing $package: $*" >&2; exit 1; }
