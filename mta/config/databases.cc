#include "mta/config/databases.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "mta/config/database_text.h"
#include "mta/config/publish_file.h"

namespace waxwing::mta {

// A mapped file, or bytes of our own.
struct Databases::Bytes {
  std::string own;
  void* map = nullptr;
  std::size_t size = 0;

  Bytes() = default;
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  ~Bytes() {
    if (map) ::munmap(map, size);
  }
  std::string_view view() const { return map ? std::string_view(static_cast<const char*>(map), size) : own; }

  // The file is only ever replaced, so what is mapped stays as it is.
  static Result<std::shared_ptr<const Bytes>> of_file(const std::string& path) {
    TRY(const auto fd, open_file(path, O_RDONLY));
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return std::unexpected(system_error("reading " + path, errno));
    auto bytes = std::make_shared<Bytes>();
    bytes->size = static_cast<std::size_t>(status.st_size);
    if (bytes->size == 0) return bytes;
    auto* map = ::mmap(nullptr, bytes->size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (map == MAP_FAILED) return std::unexpected(system_error("mapping " + path, errno));
    bytes->map = map;
    return bytes;
  }

  static Result<std::shared_ptr<const Bytes>> of_text(const SourceSet& sources, std::string_view file) {
    const DatabaseTextOptions quoted{true, true, false, false};
    auto parsed = parse_database_text(sources.text(file), file, quoted);
    auto errors = std::move(parsed.errors);
    errors.insert(errors.end(), parsed.duplicates.begin(), parsed.duplicates.end());
    if (!errors.empty()) return permanent(join(errors, "\n"));
    auto bytes = std::make_shared<Bytes>();
    TRY(bytes->own, encode_database(parsed.entries, 0));
    return bytes;
  }
};

Result<Databases> Databases::load(const std::string& root, const SourceSet& sources, unsigned text_bits) {
  Databases all;
  for (const auto& spec : kDatabases) {
    std::shared_ptr<const Bytes> bytes;
    const auto path = database_path(root, spec);
    if ((spec.text_bit & text_bits) != 0) {
      TRY(bytes, Bytes::of_text(sources, spec.text));
    } else if (!root.empty() && file_exists(path)) {
      TRY(bytes, Bytes::of_file(path));
    } else {
      continue;
    }
    auto image = DatabaseImage::open(bytes->view());
    if (!image) return wrap(image.error(), path);
    all.images_[static_cast<std::size_t>(spec.id)] = *image;
    all.id_ += fmt::format("{}:{:x}.{:016x} ", spec.name, image->made_seconds(), image->checksum());
    all.owned_.push_back(std::move(bytes));
  }
  return all;
}

Result<std::vector<std::string_view>> Databases::find(DatabaseId id, std::string_view key) const {
  auto values = image(id).find(key);
  if (!values) return wrap(values.error(), std::string(database_spec(id).name) + " database");
  return values;
}

std::string database_path(const std::string& root, const DatabaseSpec& spec) {
  return root + "/db/" + std::string(spec.name) + ".db";
}

const DatabaseSpec& database_spec(DatabaseId id) {
  return kDatabases[static_cast<std::size_t>(id)];
}

const DatabaseSpec* find_database(std::string_view name) {
  if (name.ends_with(':')) name.remove_suffix(1);
  const auto found = std::ranges::find_if(
      kDatabases, [&](const auto& spec) { return iequals(name, spec.name) || iequals(name, spec.symbol); });
  return found == kDatabases.end() ? nullptr : &*found;
}

Result<> publish_database(const std::string& path, std::string_view image) {
  const auto slash = path.rfind('/');
  if (slash != path.npos && slash > 0) TRY_VOID(make_directories(path.substr(0, slash), 0750));
  return publish_file(path, image);
}

}  // namespace waxwing::mta
