# Headers of ONNX Runtime's C API -> target onnxruntime_headers, if they are found:
#   1. -DONNXRUNTIME_INCLUDE_DIR=<folder of onnxruntime_c_api.h>
#   2. the system's include folders (Debian 13: apt-get install libonnxruntime-dev)
#   3. what native/fetch_onnxruntime_headers.sh has unpacked into build/onnxruntime-headers
# Only headers: the library is loaded by a running ONNX Runtime and links to none.
find_path(ONNXRUNTIME_INCLUDE_DIR onnxruntime_c_api.h
  HINTS ${CMAKE_CURRENT_SOURCE_DIR}/../build/onnxruntime-headers/usr/include
  PATH_SUFFIXES onnxruntime onnxruntime/core/session
  DOC "Folder of onnxruntime_c_api.h, API version 21 or later")

set(PAG_ONNXRUNTIME_MISSING "")
if(NOT EXISTS "${ONNXRUNTIME_INCLUDE_DIR}/onnxruntime_c_api.h")
  set(PAG_ONNXRUNTIME_MISSING "no onnxruntime_c_api.h")
else()
  file(STRINGS "${ONNXRUNTIME_INCLUDE_DIR}/onnxruntime_c_api.h" api_line
    REGEX "^#define ORT_API_VERSION [0-9]+")
  string(REGEX MATCH "[0-9]+" api_version "${api_line}")
  if(NOT api_version OR api_version LESS 21)
    set(PAG_ONNXRUNTIME_MISSING
      "${ONNXRUNTIME_INCLUDE_DIR} has API version '${api_version}', 21 is needed")
  endif()
endif()

if(PAG_ONNXRUNTIME_MISSING)
  set(advice "ONNX Runtime's C headers are missing (${PAG_ONNXRUNTIME_MISSING}). "
    "Debian 13: apt-get install libonnxruntime-dev. Older Debian: native/fetch_onnxruntime_headers.sh. "
    "Elsewhere: -DONNXRUNTIME_INCLUDE_DIR=<folder of onnxruntime_c_api.h>.")
  list(JOIN advice "" advice)
  if(PAG_NATIVE STREQUAL "ON")
    message(FATAL_ERROR "${advice}")
  endif()
  message(WARNING "${advice}\nThe native operators are NOT built; models run by their function "
    "bodies, correctly but without the speed. -DPAG_NATIVE=ON makes this an error, "
    "-DPAG_NATIVE=OFF silences it.")
else()
  message(STATUS "ONNX Runtime headers: ${ONNXRUNTIME_INCLUDE_DIR} (API ${api_version})")
  add_library(onnxruntime_headers INTERFACE)
  target_include_directories(onnxruntime_headers SYSTEM INTERFACE ${ONNXRUNTIME_INCLUDE_DIR})
endif()
