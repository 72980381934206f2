# whet_tflite_schema: the tables of TFLite's files, for reading and writing, generated from tflite_schema.fbs. With names, so
# that options of operators can be read and written by name.
if(NOT TARGET whet_tflite_schema)
  find_program(FLATC flatc REQUIRED)
  find_path(FLATBUFFERS_INCLUDE flatbuffers/flatbuffers.h REQUIRED)
  find_library(FLATBUFFERS_LIBRARY flatbuffers REQUIRED)
  set(folder ${PROJECT_BINARY_DIR}/tflite_schema)
  add_custom_command(OUTPUT ${folder}/tflite_schema_generated.h
    COMMAND ${FLATC} --cpp --scoped-enums --reflect-names -o ${folder} ${PROJECT_SOURCE_DIR}/cmake/tflite_schema.fbs
    DEPENDS ${PROJECT_SOURCE_DIR}/cmake/tflite_schema.fbs VERBATIM)
  add_custom_target(whet_tflite_schema_header DEPENDS ${folder}/tflite_schema_generated.h)
  add_library(whet_tflite_schema INTERFACE)
  add_dependencies(whet_tflite_schema whet_tflite_schema_header)
  target_include_directories(whet_tflite_schema SYSTEM INTERFACE ${folder} ${FLATBUFFERS_INCLUDE})
  target_link_libraries(whet_tflite_schema INTERFACE ${FLATBUFFERS_LIBRARY})
endif()
