# whet_flatbuffers(FOLDER SCHEMA [FLAG…])
#
# Generates SCHEMA's C++ header NAME_generated.h with flatc (and further flags) and makes it visible to the sources of the
# library whet_FOLDER, which must exist, and of its test program.
function(whet_flatbuffers folder schema)
  find_program(FLATC flatc REQUIRED)
  find_path(FLATBUFFERS_INCLUDE flatbuffers/flatbuffers.h REQUIRED NO_CMAKE_FIND_ROOT_PATH)
  if(CMAKE_CROSSCOMPILING)
    # The headers are for any processor, but what stands beside them is not.
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/include)
    file(CREATE_LINK ${FLATBUFFERS_INCLUDE}/flatbuffers ${PROJECT_BINARY_DIR}/include/flatbuffers SYMBOLIC)
    set(FLATBUFFERS_INCLUDE ${PROJECT_BINARY_DIR}/include)
  endif()
  get_filename_component(name ${schema} NAME_WE)
  set(header ${CMAKE_CURRENT_BINARY_DIR}/${name}_generated.h)
  add_custom_command(OUTPUT ${header}
    COMMAND ${FLATC} --cpp --scoped-enums ${ARGN} -o ${CMAKE_CURRENT_BINARY_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${schema}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${schema} VERBATIM)
  target_sources(whet_${folder} PRIVATE ${header})
  target_include_directories(whet_${folder} SYSTEM PRIVATE ${CMAKE_CURRENT_BINARY_DIR} ${FLATBUFFERS_INCLUDE})
  if(TARGET whet_${folder}_test)
    target_include_directories(whet_${folder}_test SYSTEM PRIVATE ${CMAKE_CURRENT_BINARY_DIR} ${FLATBUFFERS_INCLUDE})
  endif()
endfunction()
