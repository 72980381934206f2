# whet_folder(NAME [NO_EXCEPTIONS] [SMALL] [HEADERS set] [DEPS folder…] [LIBS target…] [EXCLUDE regex…] [ONLY regex])
#
# Makes the static library whet_NAME of every .cc below the calling folder, and, when tests are built, one
# test program whet_NAME_test of every *_test.cc. Of each *_fuzz.cc it makes a libFuzzer program when those are
# built, and for the tests a program that replays the inputs saved in tests/fuzz/corpus/NAME.
# DEPS are folders of this project, LIBS are other CMake targets; both are public. EXCLUDE: sources, tests among them, that
# belong to another target. ONLY: the sources that do belong to this one. HEADERS: the set of headers that its sources
# get precompiled (whet_reuse_precompiled), `std` when it is not said.
function(whet_folder name)
  cmake_parse_arguments(ARG "NO_EXCEPTIONS;SMALL" "ONLY;HEADERS" "DEPS;LIBS;EXCLUDE" ${ARGN})
  if(NOT ARG_HEADERS)
    set(ARG_HEADERS std)
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  foreach(pattern ${ARG_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX "${pattern}")
  endforeach()
  if(ARG_ONLY)
    list(FILTER sources INCLUDE REGEX "${ARG_ONLY}")
  endif()
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz|bench)\\.cc$")
  list(TRANSFORM ARG_DEPS PREPEND whet_)

  add_library(whet_${name} STATIC ${sources})
  whet_compile_options(whet_${name})
  target_include_directories(whet_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(whet_${name} PUBLIC ${ARG_DEPS} ${ARG_LIBS})
  # Where nothing runs often enough for speed to matter, size does: these go into libwhet.so.
  set(options "")
  if(ARG_SMALL AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT WHET_SANITIZE)
    list(APPEND options -Os)
  endif()
  if(ARG_NO_EXCEPTIONS)
    list(APPEND options -fno-exceptions -fno-rtti)
  endif()
  target_compile_options(whet_${name} PRIVATE ${options})
  whet_reuse_precompiled(whet_${name} ${ARG_HEADERS} ${options})

  if(WHET_TESTS AND tests)
    add_executable(whet_${name}_test ${tests})
    whet_test_compile_options(whet_${name}_test ${ARG_HEADERS})
    target_link_libraries(whet_${name}_test PRIVATE whet_${name} GTest::gmock_main)
    add_test(NAME ${name} COMMAND whet_${name}_test)
    whet_test_timeout(${name} 600)
  endif()
  if(WHET_TESTS)
    foreach(source ${fuzzers})
      get_filename_component(program ${source} NAME_WE)
      set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${program})
      add_executable(${program}_replay ${source} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.cc)
      whet_compile_options(${program}_replay)
      target_link_libraries(${program}_replay PRIVATE whet_${name})
      if(IS_DIRECTORY ${corpus})
        add_test(NAME ${program}_replay COMMAND ${program}_replay ${corpus})
      else()
        add_test(NAME ${program}_replay COMMAND ${program}_replay)
      endif()
      whet_test_timeout(${program}_replay 120)
    endforeach()
  endif()
  if(WHET_FUZZ)
    foreach(source ${fuzzers})
      get_filename_component(program ${source} NAME_WE)
      add_executable(${program} ${source})
      whet_compile_options(${program})
      target_link_libraries(${program} PRIVATE whet_${name})
      target_link_options(${program} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzz_programs ${program})
    endforeach()
  endif()
endfunction()

# whet_test_timeout(TEST SECONDS)
#
# Ends the test after so many seconds, more under sanitizers or an emulator: only what hangs is to be found.
function(whet_test_timeout test seconds)
  if(WHET_SANITIZE OR CMAKE_CROSSCOMPILING)
    math(EXPR seconds "${seconds} * 6")
  endif()
  set_tests_properties(${test} PROPERTIES TIMEOUT ${seconds})
endfunction()

# whet_precompile(TARGET HEADER…)
#
# Compiles these headers once rather than with each source of the target. Worth it where many small sources include the
# same large headers. Not done under ccache, which would not keep what is compiled that way.
function(whet_precompile target)
  if(WHET_PRECOMPILE AND NOT CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache")
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# whet_reuse_precompiled(TARGET SET OPTION…)
#
# The same with a set of headers that targets share which are compiled with the same options: std; json, which is std and
# nlohmann's; test_… of these, with GoogleTest's; none for a target that has its own.
function(whet_reuse_precompiled target set)
  if(set STREQUAL "none" OR NOT WHET_PRECOMPILE OR CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache")
    return()
  endif()
  string(REGEX REPLACE "[^A-Za-z0-9]+" "_" headers "whet_precompiled_${set}_${ARGN}")
  if(NOT TARGET ${headers})
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/precompiled/${headers}.cc CONTENT "")
    add_library(${headers} OBJECT ${PROJECT_BINARY_DIR}/precompiled/${headers}.cc)
    whet_compile_options(${headers})
    target_compile_options(${headers} PRIVATE ${ARGN})
    set(files <algorithm> <cmath> <cstdint> <cstring> <filesystem> <functional> <limits> <map> <memory> <numeric> <optional>
              <set> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector>)
    if(set MATCHES "json")
      find_path(NLOHMANN_JSON_INCLUDE_DIR nlohmann/json.hpp REQUIRED)
      target_include_directories(${headers} SYSTEM PRIVATE ${NLOHMANN_JSON_INCLUDE_DIR})
      # Without its two literals, which nobody here writes: inline functions whose body makes every source compile the
      # whole parser, half of what the header costs.
      file(READ ${NLOHMANN_JSON_INCLUDE_DIR}/nlohmann/json.hpp json)
      set(literal "operator \"\" _json[a-z_]*")
      string(REGEX REPLACE "JSON_HEDLEY_NON_NULL[^\n]*\ninline [^\n]*${literal}[^}]*}|using [^\n]*${literal};" "" json "${json}")
      file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/precompiled/json.hpp CONTENT "${json}" @ONLY)
      list(APPEND files ${PROJECT_BINARY_DIR}/precompiled/json.hpp)
    endif()
    if(set MATCHES "^test_")
      # As programs are compiled, not libraries: both must be compiled alike.
      set_target_properties(${headers} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
      target_compile_options(${headers} PRIVATE -fPIE)
      target_link_libraries(${headers} PRIVATE GTest::gmock)
      list(APPEND files <gmock/gmock.h> <gtest/gtest.h>)
    endif()
    target_precompile_headers(${headers} PRIVATE ${files})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${headers})
endfunction()

# whet_test_compile_options(TARGET SET)
#
# Tests are compiled quickly rather than to run quickly; SET is of whet_reuse_precompiled, without `test_`.
function(whet_test_compile_options target set)
  # These two of g++ 12 warn of std::string's own code (GCC bug 105651).
  set(options $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>)
  if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT WHET_SANITIZE)
    list(APPEND options -O1)
  endif()
  whet_compile_options(${target})
  target_compile_options(${target} PRIVATE ${options})
  if(set STREQUAL "none")
    set(set std)
  endif()
  whet_reuse_precompiled(${target} test_${set} ${options})
endfunction()

function(whet_compile_options target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wimplicit-fallthrough -Werror
    $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>  # of g++'s own <algorithm>
    -ffunction-sections -fdata-sections -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
  if(WHET_SANITIZE)
    # Not the types behind virtual calls: folders without RTTI give objects to others, which clang takes for wrong ones.
    target_compile_options(${target} PUBLIC -fsanitize=${WHET_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${WHET_SANITIZE})
  endif()
  # What a shared library lacks is an error here, not where it is loaded; the sanitizers' own come with the program.
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "SHARED_LIBRARY" AND NOT WHET_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  if(WHET_FUZZ)
    target_compile_options(${target} PUBLIC -fsanitize=fuzzer-no-link)
  endif()
endfunction()
