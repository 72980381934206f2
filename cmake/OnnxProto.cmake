# whet_onnx_proto: ONNX's own message definitions, for reading and writing. The schemas of libonnx itself are not
# needed.
if(NOT TARGET whet_onnx_proto)
  find_package(Protobuf REQUIRED)
  find_library(ONNX_PROTO_LIBRARY onnx_proto REQUIRED)
  add_library(whet_onnx_proto INTERFACE)
  target_compile_definitions(whet_onnx_proto INTERFACE ONNX_NAMESPACE=onnx ONNX_ML=1)
  target_link_libraries(whet_onnx_proto INTERFACE ${ONNX_PROTO_LIBRARY} protobuf::libprotobuf)
endif()
