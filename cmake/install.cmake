# What `cmake --install` copies: the program with its man page and completions, both libraries, the header, and the
# files by which CMake and pkg-config find them. `cpack` makes a Debian package of it.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS clsattn)
file(GLOB CSA_GUIDES CONFIGURE_DEPENDS doc/*.md doc/*.png)
install(FILES README.md CHANGELOG.md TYPE DOC)
install(FILES ${CSA_GUIDES} DESTINATION ${CMAKE_INSTALL_DOCDIR}/doc)
if(NOT CMAKE_CROSSCOMPILING) # the program itself says what is in them
  set(CSA_DOCUMENTS ${CMAKE_BINARY_DIR}/doc/clsattn.1 ${CMAKE_BINARY_DIR}/doc/clsattn.bash
                    ${CMAKE_BINARY_DIR}/doc/_clsattn)
  file(GLOB CSA_TEMPLATES CONFIGURE_DEPENDS doc/generate* doc/*.in)
  add_custom_command(OUTPUT ${CSA_DOCUMENTS} DEPENDS clsattn ${CSA_TEMPLATES}
                     COMMAND ${CMAKE_SOURCE_DIR}/doc/generate $<TARGET_FILE:clsattn> ${CMAKE_BINARY_DIR}/doc)
  add_custom_target(documents ALL DEPENDS ${CSA_DOCUMENTS})
  install(FILES ${CMAKE_BINARY_DIR}/doc/clsattn.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${CMAKE_BINARY_DIR}/doc/clsattn.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
          RENAME clsattn)
  install(FILES ${CMAKE_BINARY_DIR}/doc/_clsattn DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()
install(FILES include/clsattn.h TYPE INCLUDE)
foreach(kind shared static)
  install(TARGETS csa_${kind} EXPORT clsattn-${kind})
  install(EXPORT clsattn-${kind} NAMESPACE clsattn:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/clsattn)
endforeach()

# By pkg-config's names.
set(CSA_STATIC_REQUIRES "OpenCL clblast jansson zlib libxxhash")
if(CSA_HAVE_IMAGES)
  string(APPEND CSA_STATIC_REQUIRES " libpng libjpeg libexif")
endif()
# libarchive by name: its .pc asks a static link for libraries that only libarchive.a takes.
set(CSA_STATIC_LIBS "-lm")
if(CSA_HAVE_ARCHIVE)
  set(CSA_STATIC_LIBS "-larchive -lm")
endif()
string(REPLACE " " ";" CSA_STATIC_LIBS_LIST "${CSA_STATIC_LIBS}")
string(REPLACE " " ";" CSA_STATIC_REQUIRES_LIST "${CSA_STATIC_REQUIRES}")
configure_package_config_file(cmake/clsattn-config.cmake.in ${CMAKE_BINARY_DIR}/generated/clsattn-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/clsattn)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/clsattn-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/generated/clsattn-config.cmake
              ${CMAKE_BINARY_DIR}/generated/clsattn-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/clsattn)
# Relative, so that --prefix and moving the whole are fine.
file(RELATIVE_PATH CSA_PREFIX_FROM_PKGCONFIG /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/clsattn.pc.in generated/clsattn.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/generated/clsattn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# One package, as the libraries are small; `cpack` in the build folder, or the target `package`. What it depends on,
# dpkg-shlibdeps finds out. It has no copyright file, as no licence was chosen yet.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "the authors of clsattn <clsattn@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_THREADS 0)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/package_script.cmake)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "trains image classifiers with attention on any OpenCL device")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Trains a Vision Transformer or a CNN with non-local self-attention on images,
on GPUs by the OpenCL driver of their vendor and on CPUs by PoCL; measures,
tunes and compares devices, and checks their numbers. With its C library.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "pocl-opencl-icd | opencl-icd")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "dataset-fashion-mnist, ocl-icd-opencl-dev, libclblast-dev, libjansson-dev, zlib1g-dev, libxxhash-dev")
include(CPack)
