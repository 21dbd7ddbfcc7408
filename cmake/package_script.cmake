# Debian's zsh looks for the completions of packages in a place of its own.
foreach(root IN LISTS CPACK_TEMPORARY_INSTALL_DIRECTORY)
  file(RENAME ${root}/usr/share/zsh/site-functions ${root}/usr/share/zsh/vendor-completions)
endforeach()

# Without these two a package would come out, but without what it depends on.
foreach(tool file dpkg-shlibdeps)
  find_program(CSA_TOOL ${tool} NO_CACHE)
  if(NOT CSA_TOOL)
    message(FATAL_ERROR "the package: ${tool} is missing: apt-get install file dpkg-dev")
  endif()
  unset(CSA_TOOL)
endforeach()
