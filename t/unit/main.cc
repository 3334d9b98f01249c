// The one main() of every unit test binary; slow to compile, so compiled once.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
