# whet_folder(NAME [NO_EXCEPTIONS] [SMALL] [DEPS folder…] [LIBS target…] [EXCLUDE regex…] [ONLY regex])
#
# Makes the static library whet_NAME of every .cc below the calling folder, and, when tests are built, one
# test program whet_NAME_test of every *_test.cc. Of each *_fuzz.cc it makes a libFuzzer program when those are
# built, and for the tests a program that replays the inputs saved in tests/fuzz/corpus/NAME.
# DEPS are folders of this project, LIBS are other CMake targets; both are public. EXCLUDE: sources, tests among them, that
# belong to another target. ONLY: the sources that do belong to this one.
function(whet_folder name)
  cmake_parse_arguments(ARG "NO_EXCEPTIONS;SMALL" "ONLY" "DEPS;LIBS;EXCLUDE" ${ARGN})
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
  if(ARG_SMALL AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT WHET_SANITIZE)
    target_compile_options(whet_${name} PRIVATE -Os)
  endif()
  if(ARG_NO_EXCEPTIONS)
    target_compile_options(whet_${name} PRIVATE -fno-exceptions -fno-rtti)
  endif()

  if(WHET_TESTS AND tests)
    add_executable(whet_${name}_test ${tests})
    whet_compile_options(whet_${name}_test)
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

# whet_precompile(NAME HEADER…)
#
# Compiles these headers of the target whet_NAME once rather than with each of its sources. Worth it where many small
# sources include the same large headers. Not done under ccache, which would not keep what is compiled that way.
function(whet_precompile name)
  if(NOT CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache")
    target_precompile_headers(whet_${name} PRIVATE ${ARGN})
  endif()
endfunction()

function(whet_compile_options target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wimplicit-fallthrough -Werror
    $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>  # of g++'s own <algorithm>
    -ffunction-sections -fdata-sections -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
  if(WHET_SANITIZE)
    target_compile_options(${target} PUBLIC -fsanitize=${WHET_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${WHET_SANITIZE})
  endif()
  if(WHET_FUZZ)
    target_compile_options(${target} PUBLIC -fsanitize=fuzzer-no-link)
  endif()
endfunction()
