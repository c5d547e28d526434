// Memory of a call, taken from a pool so that a warm call allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace perforated_conv {

// A growing block of bytes, handed out from its start in 64-byte aligned pieces.
class Arena {
 public:
  // Forgets all pieces and has the capacity for `bytes` of new ones (see Bytes).
  void Reset(size_t bytes);

  template <typename T>
  T* Take(int64_t count) {
    T* piece = reinterpret_cast<T*>(data_ + used_);
    used_ += PieceBytes(static_cast<size_t>(count) * sizeof(T));
    return piece;
  }

  template <typename T>
  static size_t Bytes(int64_t count) {
    return PieceBytes(static_cast<size_t>(count) * sizeof(T));
  }

 private:
  static size_t PieceBytes(size_t bytes) { return (bytes + 63) & ~size_t{63}; }

  std::unique_ptr<std::byte[]> storage_;
  std::byte* data_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
};

// Arenas not in use, the most recently used (and cached) first.
class ArenaPool {
 public:
  // An arena for the lifetime of the lease.
  class Lease {
   public:
    Lease(ArenaPool& pool, size_t bytes);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Arena* operator->() { return arena_.get(); }
    Arena& operator*() { return *arena_; }

   private:
    ArenaPool& pool_;
    std::unique_ptr<Arena> arena_;
  };

  // Two pools for the whole library: maps are large and few, tiles small and one per thread.
  static ArenaPool& ForCalls();
  static ArenaPool& ForTiles();

 private:
  std::unique_ptr<Arena> Acquire();
  void Release(std::unique_ptr<Arena> arena) noexcept;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Arena>> idle_;
};

}  // namespace perforated_conv
