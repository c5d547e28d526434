# Toolchain for 64-bit ARM: Debian's cross compiler, and an emulator that runs what it makes. Both
# from the system, or from where scripts/fetch_aarch64.sh unpacks them.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

set(unpacked ${CMAKE_CURRENT_LIST_DIR}/../../build/aarch64-tools)
find_program(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++ HINTS ${unpacked}/usr/bin REQUIRED)
find_program(PAG_EMULATOR NAMES qemu-aarch64-static qemu-aarch64 HINTS ${unpacked}/usr/bin REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR ${PAG_EMULATOR})

# The unpacked compiler looks for its libraries in a root of its own.
get_filename_component(folder ${CMAKE_CXX_COMPILER} DIRECTORY)
if(NOT folder MATCHES "^/usr/")
  get_filename_component(CMAKE_SYSROOT ${folder}/../.. ABSOLUTE)
endif()
# The emulator then needs no ARM libraries.
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
