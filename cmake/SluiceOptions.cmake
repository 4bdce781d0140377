# What every target of ours is compiled with. Warnings are errors; none is switched off for the whole project.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(SLUICE_ASAN "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(SLUICE_TSAN "ThreadSanitizer" OFF)

find_program(SLUICE_CCACHE ccache)
if(SLUICE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SLUICE_CCACHE})
endif()

if(SLUICE_ASAN)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(SLUICE_TSAN)
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()

# What libraries are compiled with that go into libsluice.so, too: programs pay nothing for it, as no function of ours is to
# be replaced when it is loaded.
function(sluice_shareable target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE -fno-semantic-interposition)
endfunction()

function(sluice_options target)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL STATIC_LIBRARY)
    sluice_shareable(${target})
  endif()
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wsign-compare -Wshadow -Werror)
  if(SLUICE_ASAN OR SLUICE_TSAN)
    # GCC 12 sees uninitialized variables in <regex> and <functional> that it has instrumented itself.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
endfunction()

# Half the time to compile; what tests wait for is not their own code.
function(sluice_test_options target)
  sluice_options(${target})
  target_compile_options(${target} PRIVATE -O0)
endfunction()

# A test program that tools/run-tests and ctest find: `sluice_test(name LABEL unit SOURCES a.cpp LINK sluice_engine)`.
# A program whose name starts with postgres, and is not labelled unit, runs once for each version of PostgreSQL that is tested.
function(sluice_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  sluice_test_options(${name})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL})
  set_property(GLOBAL APPEND PROPERTY SLUICE_TESTS "${ARG_LABEL} ${name}")
endfunction()
