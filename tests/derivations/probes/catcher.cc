#include <atomic>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>

[[noreturn]] void throw_from_a_library(int number);

int main()
{
    std::atomic<int> caught{0};
    std::vector<std::thread> threads;
    for (int number = 0; number < 8; number++)
        threads.emplace_back([&caught, number] {
            try {
                throw_from_a_library(number);
            } catch (const std::runtime_error &error) {
                caught += error.what() == "number " + std::to_string(number);
            }
        });
    for (auto &thread : threads)
        thread.join();
    std::cout << caught << " caught\n";
}
