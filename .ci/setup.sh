#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes .venv with everything SEAL needs; idempotent, and takes about a second when nothing changed.
#   PYTHON=python3.12   the interpreter to use (default: the first of python3, python3.13 ... python3.10 that fits)
set -Eeuo pipefail
trap 'printf "setup: error: line %s of .ci/setup.sh failed\n" "$LINENO" >&2' ERR
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Sourced, this file only defines its functions: that is how tests/test_setup.py reaches them.
VENV=.venv
STAMP=$VENV/.seal-setup
PIP=("$VENV/bin/python" -m pip --disable-pip-version-check)
PACKAGES=(ros2_ws/src/seal_perception ros2_ws/src/seal_mapping ros2_ws/src/seal_policy ros2_ws/src/seal_bringup sim_bridge)
NEEDED_MB=11000  # 6.9 GB that stay and 3.5 GB of downloads while they are unpacked

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

# A Python of an environment with the ROS wheels hands these two to its children; here they would only mislead.
if [ -n "${_ROS_WHEELS_BOOTSTRAP_COMPLETE:-}" ]; then unset _ROS_WHEELS_BOOTSTRAP_COMPLETE LD_LIBRARY_PATH; fi

fits() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

# The interpreter itself: behind the environment that may be active, and behind shims.
base_of() {
    "$1" -c 'import os, sys
path = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
print(path if os.path.exists(path) else sys.executable)'
}

# The mode: "sourced-ros" where a ROS 2 installation is sourced and this Python can import its rclpy, else "wheels".
mode_of() {
    if [ -n "${ROS_DISTRO:-}" ] && (cd / && "$1" -c 'import rclpy') 2>/dev/null; then echo sourced-ros; else echo wheels; fi
}

find_python() {
    local candidate found=""
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.10-3.13 that runs"
        base_of "$PYTHON"; return
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
        command -v "$candidate" >/dev/null || continue
        if fits "$candidate"; then base_of "$candidate"; return; fi
        found="$found $candidate ($("$candidate" -V 2>&1 || true))"
    done
    fail "needs Python 3.10-3.13; found:${found:- none}. Name one with: make setup PYTHON=/path/to/python3.12"
}

# What decides whether requirements are up to date: the pins, Python, mode, place. $1: Python's version, $2: mode.
mark_requirements() { { printf '%s\n' "$PWD" "$1" "$2"; cat requirements/*.txt; } | sha256sum | cut -d' ' -f1; }

# And the packages: their build files and the files that go to share/.
mark_packages() {
    {
        cat .ci/setup.sh .ci/link_share.py
        for package in "${PACKAGES[@]}"; do cat "$package/setup.py" "$package/setup.cfg" "$package/package.xml"; done
        { find ros2_ws/src/seal_bringup/{launch,config,rviz,foxglove} -type f 2>/dev/null || true; } | LC_ALL=C sort
    } | sha256sum | cut -d' ' -f1
}

library() { { ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null; } | grep -q "$1"; }

# Debian packages that are missing, found by what they would give and not by their names, so that other Pythons count too.
missing_packages() {
    local version names=()
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$1" -c 'import ensurepip, venv' 2>/dev/null || names+=("python$version-venv")
    "$1" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' \
        || names+=("python$version-dev")
    command -v gcc >/dev/null || names+=(gcc)
    command -v g++ >/dev/null || names+=(g++)
    library libusb-1.0.so.0 || names+=(libusb-1.0-0)
    library libGL.so.1 || names+=(libgl1)
    library libEGL.so.1 || names+=(libegl1)
    library libgomp.so.1 || names+=(libgomp1)
    library libX11.so.6 || names+=(libx11-6)
    library libudev.so.1 || names+=(libudev1)
    echo "${names[*]:-}"
}

install_packages() {
    local names=$1 sudo=""
    command -v apt-get >/dev/null || fail "missing: $names (names of Debian packages); install what gives them here, then run make setup again"
    if [ "$(id -u)" != 0 ]; then
        if sudo -n true 2>/dev/null; then sudo="sudo -n"; else
            fail "missing Debian packages. Run this line, then make setup again:
    sudo apt-get update && sudo apt-get install -y $names"
        fi
    fi
    say "installing Debian packages: $names"
    # Another program may be at it: unattended upgrades on a new machine.
    $sudo apt-get -o DPkg::Lock::Timeout=300 update -q
    # shellcheck disable=SC2086
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends $names
}

python_of_venv() { "$VENV/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo broken; }

make_venv() {
    local python=$1 mode=$2 options=() system=false
    if [ "$mode" = sourced-ros ]; then options+=(--system-site-packages); system=true; fi
    if [ -e "$VENV" ]; then
        local why=""
        if ! "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
            why="it does not run"
        elif [ "$(python_of_venv)" != "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" ]; then
            why="it is of Python $(python_of_venv)"
        elif ! grep -q "include-system-site-packages = $system" "$VENV/pyvenv.cfg" 2>/dev/null; then
            why="it was made for another ROS"
        fi
        [ -n "$why" ] || return 0
        [ -e "$VENV/.seal-made" ] || fail "$VENV cannot be used ($why) and was not made by make setup. Move it away, then run make setup again"
        say "making $VENV anew: $why"
        options+=(--clear)
    fi
    mkdir -p "$VENV"
    touch "$VENV/.seal-made" # before and after: an interrupted one is made anew, and --clear takes it away
    "$python" -m venv ${options[@]+"${options[@]}"} "$VENV"
    touch "$VENV/.seal-made"
}

announce() {
    local free_mb glibc
    glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | awk '{print $2}' || true)
    [ "$(uname -m)" = x86_64 ] || fail "needs an x86_64 processor (open3d and the ROS wheels are built for no other), found $(uname -m)"
    [ "$(printf '%s\n' 2.35 "${glibc:-0}" | sort -V | head -n 1)" = 2.35 ] \
        || fail "needs glibc 2.35 or newer (Debian 12, Ubuntu 22.04), found ${glibc:-none}"
    free_mb=$(df -Pm . | awk 'NR == 2 {print $4}')
    if [ "$1" = sourced-ros ]; then say "on top of the sourced ROS 2 $ROS_DISTRO; no ROS wheels"; else say "no ROS 2 sourced: rclpy and Fast DDS come as wheels"; fi
    if [ -e "$VENV/.seal-setup" ]; then say "the pins, the Python or the place changed: bringing what differs"; return; fi
    say "this downloads about 3.5 GB of Python packages (6.9 GB on disk in $VENV; most of it torch with its CUDA libraries); $((free_mb / 1000)) GB are free"
    if [ ! -e "$VENV" ] && [ "$free_mb" -lt "$NEEDED_MB" ]; then fail "needs $((NEEDED_MB / 1000)) GB of free disk here, found $free_mb MB"; fi
}

# Of pip's many lines, those about big files and what was done.
brief() {
    awk '/Downloading .*[0-9] [MG]B\)/ {print "    " $2, $3, $4; fflush()}
         /^Building|^  error|^Installing collected/ {print "    " substr($0, 1, 60) " ..."; fflush()}'
}

usable_wheels_venv() {
    [ -x "$VENV/bin/python" ] && fits "$VENV/bin/python" && "$VENV/bin/python" -c 'import pip' 2>/dev/null \
        && grep -q 'include-system-site-packages = false' "$VENV/pyvenv.cfg"
}

install_requirements() {
    local ros=requirements/ros.txt
    if [ "$1" = sourced-ros ]; then ros=requirements/sourced-ros.txt; fi
    "${PIP[@]}" install -q -r requirements/build.txt
    say "installing requirements (some minutes the first time)"
    "${PIP[@]}" install -c requirements/constraints.txt -r requirements/base.txt -r "$ros" -r requirements/dev.txt \
        | brief || fail "pip could not install the requirements (see above)"
    "$VENV/bin/python" -c 'import open3d, torch, rclpy' || fail "installed, but something does not import (see above)"
}

# Editable, so that an edit counts at once; what an editable install leaves out is linked.
install_own() {
    say "installing the five packages, editable"
    "${PIP[@]}" install -q --no-deps --no-build-isolation $(printf -- '-e %s ' "${PACKAGES[@]/#/./}")
    "$VENV/bin/python" .ci/link_share.py "$VENV" "${PACKAGES[@]}"
    "$VENV/bin/python" -c 'import seal_perception, seal_mapping, seal_policy, seal_bringup, sim_bridge'
}

main() {
    local python mode missing pins own had_pins had_own
    if [ -z "${PYTHON:-}${ROS_DISTRO:-}" ] && usable_wheels_venv; then
        python=$VENV/bin/python mode=wheels
    else
        python=$(find_python)
        mode=$(mode_of "$python")
    fi
    if [ -n "${ROS_DISTRO:-}" ] && [ "$mode" = wheels ]; then
        say "warning: ROS_DISTRO=$ROS_DISTRO is set, but $python cannot import rclpy: using the wheels"
    fi
    pins=$(mark_requirements "$("$python" -V)" "$mode") own=$(mark_packages)
    { read -r had_pins && read -r had_own; } 2>/dev/null <"$STAMP" || had_pins="" had_own=""
    if [ "$had_pins $had_own" = "$pins $own" ] && [ -x "$VENV/bin/seal" ]; then
        say "up to date"
        return
    fi
    if [ "$had_pins" != "$pins" ]; then
        announce "$mode"
        missing=$(missing_packages "$python")
        if [ -n "$missing" ]; then install_packages "$missing"; fi
        make_venv "$python" "$mode"
        install_requirements "$mode"
    fi
    install_own
    printf '%s\n%s\n' "$pins" "$own" >"$STAMP"
    say "done: $VENV/bin/seal"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then main; fi
