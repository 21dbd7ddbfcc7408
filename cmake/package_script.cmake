# Debian's zsh looks for the completions of packages in a place of its own.
foreach(root IN LISTS CPACK_TEMPORARY_INSTALL_DIRECTORY)
  file(RENAME ${root}/usr/share/zsh/site-functions ${root}/usr/share/zsh/vendor-completions)
endforeach()
