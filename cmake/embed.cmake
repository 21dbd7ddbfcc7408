# csa_embed(OUTPUT TABLE ROOT FILES...): writes a C file with the texts of FILES, named relative to ROOT, as the table
# TABLE of core/embedded.h, at build time.
function(csa_embed output table root)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DTABLE=${table} -DROOT=${root} "-DFILES=${ARGN}"
            -P ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake
    COMMENT "Embedding ${table}"
    VERBATIM)
endfunction()
