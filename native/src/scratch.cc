#include "scratch.h"

#include <utility>

namespace perforated_conv {
namespace {

constexpr size_t kAlignment = 64;

}  // namespace

void Arena::Reset(size_t bytes) {
  used_ = 0;
  if (bytes <= capacity_) return;
  capacity_ = 0;
  storage_.reset(new std::byte[bytes + kAlignment]);
  const auto address = reinterpret_cast<uintptr_t>(storage_.get());
  data_ = storage_.get() + (kAlignment - address % kAlignment) % kAlignment;
  capacity_ = bytes;
}

ArenaPool& ArenaPool::ForCalls() {
  static ArenaPool pool;
  return pool;
}

ArenaPool& ArenaPool::ForTiles() {
  static ArenaPool pool;
  return pool;
}

std::unique_ptr<Arena> ArenaPool::Acquire() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.empty()) {
    // Capacity for the arena that comes back, so that Release cannot fail.
    idle_.reserve(idle_.capacity() + 1);
    return std::make_unique<Arena>();
  }
  std::unique_ptr<Arena> arena = std::move(idle_.back());
  idle_.pop_back();
  return arena;
}

void ArenaPool::Release(std::unique_ptr<Arena> arena) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  idle_.push_back(std::move(arena));
}

ArenaPool::Lease::Lease(ArenaPool& pool, size_t bytes) : pool_(pool), arena_(pool.Acquire()) {
  arena_->Reset(bytes);
}

ArenaPool::Lease::~Lease() { pool_.Release(std::move(arena_)); }

}  // namespace perforated_conv
