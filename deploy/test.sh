#!/bin/sh
# All checks of the project, from the cheapest to the longest; the first that
# fails ends the run. Nothing is left out, here or in CI. Takes at most 20
# minutes on two cores. What is missing is installed by apt-get (as root or by
# sudo); Go 1.26 or newer must be there.
set -eu

cd "$(dirname "$0")/.."

stage_name=
stage_begin=0
run_begin=$(date +%s)

finish() {
	code=$?
	if [ "$code" -ne 0 ] && [ -n "$stage_name" ]; then
		echo "FAILED: $stage_name after $(($(date +%s) - stage_begin)) s" >&2
	fi
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# stage NAME COMMAND…: runs a command and says how long it took.
stage() {
	stage_name=$1
	shift
	stage_begin=$(date +%s)
	echo "==> $stage_name"
	"$@"
	echo "    $stage_name: $(($(date +%s) - stage_begin)) s"
	stage_name=
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "cannot install what is missing: neither root nor sudo; run as root: $*" >&2
		return 1
	fi
}

has_font() {
	command -v fc-list >/dev/null && fc-list : family | grep -q "$1"
}

install_missing() {
	if ! command -v go >/dev/null; then
		echo "cannot find go: install Go 1.26 or newer from https://go.dev/dl/ and put it into PATH" >&2
		return 1
	fi
	missing=
	command -v chromium >/dev/null || missing="$missing chromium"
	command -v node >/dev/null || missing="$missing nodejs" # for axe-core
	command -v npm >/dev/null || missing="$missing npm"
	has_font "Noto Sans" || missing="$missing fontconfig fonts-noto-core"
	command -v gcc >/dev/null || missing="$missing gcc libc6-dev" # for the race detector
	[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
	if [ -z "$missing" ]; then
		return 0
	fi
	if ! command -v apt-get >/dev/null; then
		echo "cannot install$missing: this is no Debian; install them by hand" >&2
		return 1
	fi
	as_root apt-get update -q
	# shellcheck disable=SC2086 # one word per package
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
}

# formatted TOOL…: the tool lists the files that it would change.
formatted() {
	files=$("$@" -l .)
	if [ -n "$files" ]; then
		echo "not formatted; run: $* -w ." >&2
		echo "$files" >&2
		return 1
	fi
}

stage "install what is missing" install_missing
stage "download modules" go mod download
stage "gofmt" formatted gofmt
stage "gofumpt" formatted go tool gofumpt
stage "vet" go vet ./...
stage "staticcheck" go tool staticcheck ./...
# Fuzz targets run their seeds here, as ordinary tests.
stage "tests with the race detector" go test -race -timeout 15m ./...
if [ -d deploy/walk ]; then
	stage "vet of the browser walk" go vet -tags browser ./deploy/walk/
	stage "staticcheck of the browser walk" go tool staticcheck -tags browser ./deploy/walk/
	stage "browser walk" go test -tags browser -count 1 -timeout 8m ./deploy/walk/
fi
stage "soak, 1000 pickups with faults" go run ./cmd/stationsim soak -pickups 1000 -seed 1 -faults all
if [ -d deploy/mutants ]; then
	stage "broken rules are found" deploy/mutants/run.sh
fi
echo "all checks passed in $(($(date +%s) - run_begin)) s"
