# Toolchain for 64-bit ARM: Debian's cross compiler and an emulator that runs what it makes, from the
# system or from where scripts/fetch_aarch64.sh unpacks them.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

get_filename_component(unpacked ${CMAKE_CURRENT_LIST_DIR}/../../build/aarch64-tools ABSOLUTE)
find_program(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++ HINTS ${unpacked}/bin REQUIRED)
find_program(CMAKE_AR aarch64-linux-gnu-ar HINTS ${unpacked}/bin REQUIRED)
find_program(CMAKE_RANLIB aarch64-linux-gnu-ranlib HINTS ${unpacked}/bin REQUIRED)
find_program(PAG_EMULATOR NAMES qemu-aarch64-static qemu-aarch64 HINTS ${unpacked}/usr/bin REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR ${PAG_EMULATOR})
# The emulator then needs no ARM libraries.
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)

find_path(PAG_GOOGLETEST_SOURCE googletest/CMakeLists.txt
  HINTS ${unpacked}/usr/src/googletest /usr/src/googletest REQUIRED NO_CMAKE_FIND_ROOT_PATH)
