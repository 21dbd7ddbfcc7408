#!/usr/bin/env bash
# The installed copy alone: what it exports, the example built with it in three ways, the program from its new place.
. "$(dirname "$0")/lib.sh"
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${CLSATTN_TEST_BUILD:?the build folder}
CC="cc ${CLSATTN_TEST_CFLAGS:-}"
prefix=$WORK/prefix

cmake --install "$BUILD" --prefix "$prefix" >"$WORK/install.log" || fail "install: $(cat "$WORK/install.log")"
expect 0 "$("$CLSATTN" --version | head -n 1)" "$prefix/bin/clsattn" --version

library=$(find "$prefix" -name "libclsattn.so")
[ -L "$library" ] || fail "libclsattn.so is no link to a version of it"
soname=$(readelf -d "$library" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
[ -e "$(dirname "$library")/$soname" ] && [ "$soname" != libclsattn.so ] || fail "soname: $soname"

# The header's functions, and nothing else.
if [ -z "${CLSATTN_TEST_CFLAGS:-}" ]; then
  nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$WORK/exported"
  cc -E -P "$prefix/include/clsattn.h" | grep visibility | grep -o 'csa_[a-z0-9_]*(' | tr -d '(' | sort >"$WORK/declared"
  [ -s "$WORK/declared" ] || fail "the header declares nothing"
  diff "$WORK/declared" "$WORK/exported" || fail "declared and exported functions differ"
fi

# The example, and what a user would type to build it.
run_example() {
  mkdir -p "$WORK/run"
  (cd "$WORK/run" && rm -f bars.safetensors && "$1") >"$WORK/example.log" 2>&1 || fail "$1: $(cat "$WORK/example.log")"
  grep -qE "^[0-9]+ parameters, (5[5-9]|6[0-4]) of 64 new images right" "$WORK/example.log" ||
    fail "$1: $(cat "$WORK/example.log")"
  [ -s "$WORK/run/bars.safetensors" ] || fail "$1: no weights"
}
cp "$SOURCE/examples/bars.c" "$SOURCE/examples/CMakeLists.txt" "$WORK"
[ "$(wc -l <"$WORK/bars.c")" -le 60 ] || fail "the example is longer than 60 lines"
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name clsattn.pc)")
export PKG_CONFIG_PATH
cd "$WORK" || exit 1

# shellcheck disable=SC2046,SC2086 # lists of words
$CC -std=c11 -Wall -Wextra -Werror bars.c $(pkg-config --cflags --libs clsattn) -o shared || fail "pkg-config: no build"
LD_LIBRARY_PATH=$(dirname "$library") run_example "$WORK/shared"

# shellcheck disable=SC2046,SC2086
$CC bars.c $(pkg-config --cflags clsattn) "$(dirname "$library")/libclsattn.a" \
  $(pkg-config --static --libs clsattn | sed 's/-lclsattn//') -o static || fail "static: no build"
! ldd static | grep -q libclsattn || fail "static: it needs the shared library"
run_example "$WORK/static"

for component in "" "COMPONENTS static"; do
  target=clsattn::clsattn
  [ -z "$component" ] || target=clsattn::static
  sed -e "s/find_package(clsattn 0.1 REQUIRED)/find_package(clsattn 0.1 REQUIRED $component)/" \
    -e "s/clsattn::clsattn/$target/" "$SOURCE/examples/CMakeLists.txt" >CMakeLists.txt
  rm -rf build
  { cmake -G Ninja -S . -B build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_FLAGS="${CLSATTN_TEST_CFLAGS:-}" && cmake --build build; } \
    >"$WORK/cmake.log" 2>&1 || fail "find_package $component: $(tail -n 20 "$WORK/cmake.log")"
  [ -x build/bars ] || fail "find_package $component: no program"
done
run_example "$WORK/build/bars"

# The guide shows this example, not an older one.
awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$SOURCE/doc/library.md" >"$WORK/shown.c"
while IFS= read -r line; do
  grep -qF -- "$line" "$SOURCE/examples/bars.c" || fail "doc/library.md shows a line that examples/bars.c lacks: $line"
done <"$WORK/shown.c"
[ -s "$WORK/shown.c" ] || fail "doc/library.md shows no example"

finish
