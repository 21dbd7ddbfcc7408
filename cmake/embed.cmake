# csa_embed(OUTPUT ROOT FILES...): writes a C file with the texts of FILES, named relative to ROOT, at build time.
function(csa_embed output root)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DROOT=${root} "-DFILES=${ARGN}" -P ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake
    COMMENT "Embedding kernels"
    VERBATIM)
endfunction()
