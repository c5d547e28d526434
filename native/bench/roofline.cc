// Peaks of this machine on a number of threads, as JSON:
//
//   roofline THREADS
//
// 1e9 operations or bytes a second of all threads together, the best of several trials, and null
// where the CPU lacks the instruction. Memory is what no cache holds; its pages are huge where the
// system allows, so that the figure is the memory's and not the page walker's.
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "peaks.h"

namespace roofline {
namespace {

// Many and short, some milliseconds each: on a machine that is not quite idle some go undisturbed.
constexpr int kTrials = 60;

using Clock = std::chrono::steady_clock;

// Seconds from the first thread's start to the last one's end, all having met before; the best
// trial.
double BestSeconds(int threads, const std::function<void(int thread)>& work) {
  double best = 1e9;
  std::vector<Clock::time_point> starts(threads), ends(threads);
  for (int trial = 0; trial < kTrials; ++trial) {
    std::atomic<int> missing{threads};
    std::vector<std::thread> pool;
    for (int i = 0; i < threads; ++i) {
      pool.emplace_back([&, i] {
        for (--missing; missing > 0;) std::this_thread::yield();
        starts[i] = Clock::now();
        work(i);
        ends[i] = Clock::now();
      });
    }
    for (std::thread& thread : pool) thread.join();
    const std::chrono::duration<double> passed = *std::max_element(ends.begin(), ends.end()) -
                                                 *std::min_element(starts.begin(), starts.end());
    best = std::min(best, passed.count());
  }
  return best;
}

// Instructions a nanosecond on all threads; 0 if the CPU lacks them.
double Rate(const ComputeLoop& loop, int threads, int64_t iterations) {
  if (loop.run == nullptr) return 0;
  const double seconds = BestSeconds(threads, [&](int) { loop.run(iterations); });
  return 1e-9 * static_cast<double>(threads * iterations * loop.per_iteration) / seconds;
}

// One thread's own bytes, touched, so that they are real and near.
class Buffer {
 public:
  explicit Buffer(size_t bytes) : bytes_(bytes) {
    void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) std::abort();
    madvise(data, bytes, MADV_HUGEPAGE);
    data_ = static_cast<char*>(data);
    Write(data_, bytes);
  }
  Buffer(const Buffer&) = delete;
  ~Buffer() { munmap(data_, bytes_); }
  char* data() { return data_; }

 private:
  size_t bytes_;
  char* data_;
};

// GB/s of all threads, each going `passes` times over a buffer of its own.
double Bandwidth(int threads, size_t bytes, int64_t passes, bool write) {
  std::vector<std::unique_ptr<Buffer>> buffers;
  for (int i = 0; i < threads; ++i) buffers.push_back(std::make_unique<Buffer>(bytes));
  const double seconds = BestSeconds(threads, [&](int thread) {
    char* data = buffers[thread]->data();
    for (int64_t pass = 0; pass < passes; ++pass) write ? Write(data, bytes) : Read(data, bytes);
  });
  return 1e-9 * static_cast<double>(threads * passes * bytes) / seconds;
}

// Bytes of the first CPU's cache of that index in sysfs, or what is given if the system does not
// say.
size_t CacheBytes(int index, size_t otherwise) {
  std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/size");
  size_t kilobytes = 0;
  return file >> kilobytes ? kilobytes << 10 : otherwise;
}

void Print(const char* name, double value, const char* end = ",\n") {
  value > 0 ? std::printf("  \"%s\": %.8g%s", name, value, end)
            : std::printf("  \"%s\": null%s", name, end);
}

void Report(int threads) {
  const size_t l2 = CacheBytes(2, 1 << 20), l3 = CacheBytes(3, 32 << 20), mib = 1 << 20;
  const ComputeLoop fma = FloatFma(), dot = Bf16Dot(), matrix = Bf16Matrix();
  const double fma_rate = Rate(fma, threads, 1'500'000);
  std::printf("{\n");
  Print("threads", threads);
  Print("fma_instructions_per_ns", fma_rate / threads);
  Print("f32_gflops", fma_rate * fma.flops);
  Print("bf16_dot_gflops", Rate(dot, threads, 1'500'000) * dot.flops);
  Print("bf16_matrix_gflops", Rate(matrix, threads, 150'000) * matrix.flops);
  Print("read_gbytes", Bandwidth(threads, 256 * mib, 1, false));
  Print("write_gbytes", Bandwidth(threads, 256 * mib, 1, true));
  Print("l2_read_gbytes", Bandwidth(threads, l2 / 2, 2'000, false));
  Print("l3_read_gbytes", Bandwidth(threads, 4 * l2, 150, false));
  Print("l2_bytes", static_cast<double>(l2));
  Print("l3_bytes", static_cast<double>(l3), "\n}\n");
}

}  // namespace
}  // namespace roofline

int main(int argc, char** argv) {
  const int threads = argc == 2 ? std::atoi(argv[1]) : 0;
  if (threads < 1) {
    std::fprintf(stderr, "usage: roofline THREADS\n");
    return 2;
  }
  roofline::Report(threads);
  return 0;
}
