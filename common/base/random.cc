#include "common/base/random.h"

#include <sys/random.h>

#include <cstdlib>

#include "common/base/time.h"

namespace waxwing {

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t done = 0; done < count;) {
    const auto got = getrandom(bytes.data() + done, count - done, 0);
    if (got > 0) done += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::uint64_t random_u64() {
  std::uint64_t value = 0;
  while (getrandom(&value, sizeof value, 0) != sizeof value) {
  }
  return value;
}

namespace {
constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
}  // namespace

std::string unique_id() {
  std::uint64_t time = static_cast<std::uint64_t>(wall_ms());
  std::uint64_t noise = random_u64();
  std::string id(16, '0');
  for (int i = 9; i >= 0; --i, time >>= 5) id[static_cast<std::size_t>(i)] = alphabet[time & 31];
  for (std::size_t i = 10; i < 16; ++i, noise >>= 5) id[i] = alphabet[noise & 31];
  return id;
}

std::optional<std::int64_t> unique_id_ms(std::string_view id) {
  if (id.size() != 16 || id.find_first_not_of(alphabet) != std::string_view::npos) return std::nullopt;
  std::int64_t time = 0;
  for (const char digit : id.substr(0, 10))
    time = time << 5 | static_cast<std::int64_t>(alphabet.find(digit));
  return time;
}

}  // namespace waxwing
