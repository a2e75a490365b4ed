#!/bin/sh
# Install the tool into a virtual environment of its own, for the step that follows; a second step of the same job finds it there.
# What it stands on is pinned by version and sha256 in requirements.txt; the tool itself is the checkout that this file is in.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
temp=${RUNNER_TEMP:?is set by the runner}
home=$temp/backtester-deploy

# refuse WHAT HINT: one annotation, and the end of the step
refuse() {
    printf '❌ %s\n   👉 %s\n' "$1" "$2"
    printf '::error title=%s::%s%%0A%s\n' 'This runner is not fit' "$1" "$2"
    exit 50
}

# find_python: print the first Python that is new enough
find_python() {
    for python in python3 python python3.14 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$python"
            return 0
        fi
    done
    return 1
}

# fingerprint: what the environment is made of
fingerprint() {
    (cd "$root" && find pyproject.toml action/requirements.txt deploy -type f ! -name '*.pyc' -exec cksum {} + | sort | cksum)
}

case ${RUNNER_OS-} in
    Windows) refuse 'the action does not run on Windows' 'Use runs-on: ubuntu-latest for this job.' ;;
esac
python=$(find_python) ||
    refuse 'there is no Python 3.11 or newer' 'Use runs-on: ubuntu-24.04, or actions/setup-python before this step.'
stamp="$python $(fingerprint)"
if [ -f "$home/stamp" ] && [ "$(cat "$home/stamp")" = "$stamp" ]; then exit 0; fi

rm -rf "$home"
"$python" -m venv "$home" 2>/dev/null ||
    refuse "$python has no venv module" 'Install python3-venv, or use actions/setup-python before this step.'
pip() {
    "$home/bin/python" -m pip --disable-pip-version-check --no-input install --quiet "$@" ||
        refuse 'the packages of the action could not be installed' 'pip says above why; run the job again if it was the network.'
}
pip --only-binary :all: --require-hashes --requirement "$root/action/requirements.txt"
# built from a copy, since the checkout may be the user's own, and a build leaves things behind
mkdir "$home/source"
cp -R "$root/pyproject.toml" "$root/README.md" "$root/LICENSE" "$root/deploy" "$home/source/"
pip --no-deps --no-build-isolation --no-index "$home/source"
rm -rf "$home/source"
printf '%s\n' "$stamp" >"$home/stamp"
