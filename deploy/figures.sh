#!/bin/sh
# Measures the project's figures on this machine, now, and prints one table:
# goal beside measured. Takes 5 to 8 minutes on two cores, most of it to fill a
# log with 1 000 000 entries and for the soak. As root, what is written is
# counted on a file system of its own (a loop device); otherwise on the disk
# that everybody uses. Exit status 1 only if something could not be measured: a
# missed goal is printed, not judged.
#
#   deploy/figures.sh [-only WORD]   only the lines whose name has WORD in it
set -eu
cd "$(dirname "$0")/.."
mkdir -p deploy/out
go build -o deploy/out/figures ./deploy/figures
exec deploy/out/figures "$@"
