#!/usr/bin/env bash
# Builds rules.c to a core module, which `lezai plugin check` and its like make a component of:
#   tests/plugins/c_rules/build.sh OUT.wasm
#
# Needs clang and wasm-ld (Debian: clang, lld). The bindings in generated/ were made by
#   cargo install wit-bindgen-cli@0.61.1
#   wit-bindgen c --world risk-plugin --out-dir generated ../../../crates/plugin/wit
set -euo pipefail
out=$(realpath -m "${1:?the file to write}")
cd "$(dirname "$0")"
exec "${CLANG:-clang}" --target=wasm32-unknown-unknown -std=c17 -Os -Wall -Wextra -Werror -fno-builtin -ffreestanding \
  -nostdlib -I include rules.c memory.c -Wno-unused-parameter generated/risk_plugin.c generated/risk_plugin_component_type.o \
  -Wl,--no-entry -Wl,--gc-sections -Wl,--strip-debug -Wl,-z,stack-size=65536 -o "$out"
