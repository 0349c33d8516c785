#!/bin/sh
# Breaks one rule of the station at a time and has the soak find it; prints a
# table. Arguments go to the program, e.g. -only limiter, -seed 2.
set -eu
cd "$(dirname "$0")/../.."
exec go run ./deploy/mutants "$@"
