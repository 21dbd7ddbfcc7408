# Run by csa_embed: texts become arrays of bytes, since C bounds the length of a string literal.
set(arrays "")
set(table "")
set(index 0)
foreach(file IN LISTS FILES)
  file(RELATIVE_PATH name ${ROOT} ${file})
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "static const unsigned char text_${index}[] = {${bytes}0};\n")
  string(APPEND table "    {\"${name}\", (const char *)text_${index}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUTPUT} "#include \"core/embedded.h\"\n\n${arrays}
const csa_embedded ${TABLE}[] = {
${table}    {NULL, NULL}};\n")
