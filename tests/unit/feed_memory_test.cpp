// SPDX-License-Identifier: Apache-2.0
// A record costs no allocation: operator new of this whole program counts those of this thread.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

#include "support/feed.h"

namespace {
thread_local std::uint64_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

namespace sluice::test {
namespace {

using sdk::Type;

TEST(FeedMemory, ARecordAllocatesNothing) {
  const auto path =
      std::filesystem::temp_directory_path() / ("sluice-feed-memory-" + std::to_string(getpid()));
  FeedFile file(path);
  constexpr int kRows = 100'000;
  std::uint64_t with_allocations = 0, all = 0;
  file.run({{"t",
             {"id"},
             {{"id", {Type::int64}},
              {"text", {Type::string}},
              {"amount", {Type::decimal, 18, 4}},
              {"at", {Type::utc_datetime}}},
             {}}},
           [&](const std::string& /*state*/, sdk::Operations& operations) {
             sdk::Table& table = operations.table("t");
             const std::string text(40, 'x');
             const auto row = [&](std::int64_t i) {
               table.upsert()
                   .set(0, i)
                   .set(1, text)
                   .set(2, sdk::Decimal{"1.25"})
                   .set(3, "2026-11-22T10:15:30.5Z");
               table.update().set(0, i).set(1, text);
               table.remove().set(0, i);
             };
             for (int i = 0; i < kRows; ++i) row(i);
             std::uint64_t before = allocations;
             for (int i = 0; i < kRows; ++i) {
               const std::uint64_t here = allocations;
               row(i);
               const std::uint64_t spent = allocations - here;
               if (spent > 0) ++with_allocations;
             }
             all = allocations - before;
             operations.checkpoint("{}");
           });
  std::filesystem::remove(path);
  // Of 2,048 operations, a block, those that open it, make it hold updates, and take a new stretch
  // of memory for texts.
  EXPECT_LE(with_allocations, static_cast<std::uint64_t>(3 * (3 * kRows / 2048 + 1)));
  EXPECT_LT(static_cast<double>(all) / (3.0 * kRows), 0.2) << all;
  EXPECT_GT(all, 0U) << "operator new is not counted";
}

}  // namespace
}  // namespace sluice::test
