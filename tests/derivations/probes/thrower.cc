#include <stdexcept>
#include <string>

[[noreturn]] void throw_from_a_library(int number) { throw std::runtime_error("number " + std::to_string(number)); }
