#!/usr/bin/env bash
# An allocation of the program's own fails, further on from run to run: always an error, and nothing that is damaged.
. "$(dirname "$0")/lib.sh"
prepare vit verify eval
for name in vit verify eval; do
  take "$name"
  most=$(count_calls calls "${command[@]}" | sed -n 's/^memory://p')
  for n in $(GROWTH=$([ $name = vit ] && echo 350 || echo 2000) numbers "$most"); do try $name "memory:$n"; done
done
summary
