# What `cmake --install` copies: the program, both libraries, the header, and the files by which CMake and pkg-config
# find them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS clsattn)
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
