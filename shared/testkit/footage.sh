#!/usr/bin/env bash
# Makes the footage that the demo, the tests and the benchmarks play, from Debian's package `opencv-doc`.
#
#   footage.sh DIR
#
# DIR/vtest.h264     768x576, 10 pictures/s, 79.5 s, Main profile: a campus camera, persons walking. Annex B.
# DIR/vtest.mp4      the same coded pictures in MP4.
# DIR/walkers.h264   the first 150 pictures of it, for tests.
# DIR/hd-high.h264   1920x1080, 30 pictures/s, 10 s, High profile with CABAC, about 4 Mbit/s: vtest enlarged, with grain
#                    so that every picture carries residual as a real sensor's does.
# DIR/backdrop.h264  1280x720, 10 pictures/s, 6 s: what stands behind the clock in the latency benchmark.
#
# None has B-frames; key pictures come at fixed distances and bring their SPS and PPS with them. Run twice, it does
# nothing the second time: DIR/.stamp holds the hash of this script and of what it made. Network: apt only.
set -euo pipefail

say() { printf 'footage: %s\n' "$*"; }
die() { printf 'footage: error: %s\n' "$*" >&2; exit 1; }

[ $# -eq 1 ] || die "usage: footage.sh DIR"
for tool in ffmpeg ffprobe apt-get dpkg-deb sha256sum; do
    command -v "$tool" >/dev/null || die "\`$tool\` is missing; install it with: apt-get install ffmpeg apt dpkg coreutils"
done

script_hash=$(sha256sum <"${BASH_SOURCE[0]}" | cut -d' ' -f1)
mkdir -p "$1" || die "can't make the folder $1"
dir=$(cd "$1" && pwd)
cd "$dir"

if [ -f .stamp ] && [ "$(head -n 1 .stamp)" = "$script_hash" ] && tail -n +2 .stamp | sha256sum --check --status; then
    say "is there ($dir)"
    exit 0
fi

# Beside the result, so that the last step is a rename; readable by apt's download user.
work=$(mktemp -d "$dir/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 1; fi
}

# The package is unpacked by hand: slim installations leave out /usr/share/doc, where the clip lies.
say "fetch Debian's opencv-doc (96 MB)"
fetch() { (cd "$work" && apt-get download -qq opencv-doc 2>"$work/apt.log"); }
if ! fetch; then
    say "apt does not know the package yet: apt-get update"
    as_root apt-get update -qq || die "apt-get update failed; run it as root, then try again"
    fetch || { cat "$work/apt.log" >&2; die "apt-get can't download opencv-doc (Debian: section main)"; }
fi
mkdir "$work/package"
dpkg-deb -x "$work"/opencv-doc_*.deb "$work/package" || die "can't unpack opencv-doc"

avi=$(find "$work/package" -name 'vtest.avi' -o -name 'vtest.avi.gz' | head -n 1)
[ -n "$avi" ] || die "opencv-doc has no vtest.avi in this release of Debian"
case $avi in *.gz) gunzip "$avi" && avi=${avi%.gz} ;; esac

transcode() { ffmpeg -nostdin -hide_banner -loglevel error -y "$@"; }

say "code vtest.mp4, vtest.h264, walkers.h264"
transcode -i "$avi" -an -c:v libx264 -profile:v main -pix_fmt yuv420p -preset veryfast -crf 24 \
    -bf 0 -g 20 -keyint_min 20 -sc_threshold 0 -movflags +faststart "$work/vtest.mp4"
transcode -i "$work/vtest.mp4" -c copy -bsf:v h264_mp4toannexb -f h264 "$work/vtest.h264"
transcode -i "$work/vtest.mp4" -c copy -frames:v 150 -bsf:v h264_mp4toannexb -f h264 "$work/walkers.h264"

say "code hd-high.h264"
transcode -i "$avi" -an -t 10 \
    -vf 'scale=1920:1440:flags=bicubic,crop=1920:1080,fps=30,noise=alls=6:allf=t:all_seed=1' \
    -c:v libx264 -profile:v high -coder 1 -pix_fmt yuv420p -preset veryfast -b:v 4M -maxrate 5M -bufsize 4M \
    -bf 0 -g 60 -keyint_min 60 -sc_threshold 0 -f h264 "$work/hd-high.h264"

say "code backdrop.h264"
transcode -i "$avi" -an -frames:v 60 -vf 'scale=1280:960:flags=bicubic,crop=1280:720' \
    -c:v libx264 -profile:v main -pix_fmt yuv420p -preset veryfast -crf 20 \
    -bf 0 -g 20 -keyint_min 20 -sc_threshold 0 -f h264 "$work/backdrop.h264"

pictures() { ffprobe -v error -count_packets -show_entries stream=nb_read_packets -of csv=p=0 "$1" | head -n 1; }
expect() {
    local have
    have=$(pictures "$work/$1")
    [ "$have" = "$2" ] || die "$1 came out with $have pictures, $2 were expected: ffmpeg or the clip has changed"
}
expect vtest.h264 795
expect walkers.h264 150
expect hd-high.h264 300
expect backdrop.h264 60

files="backdrop.h264 hd-high.h264 vtest.h264 vtest.mp4 walkers.h264"
for file in $files; do mv "$work/$file" "$file"; done
{ echo "$script_hash"; sha256sum $files; } >"$work/stamp"
mv "$work/stamp" .stamp
say "made $(echo $files | tr ' ' ',' | sed 's/,/, /g') in $dir"
