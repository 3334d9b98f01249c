#include "common/base/durable_records.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/journal_order.h"
#include "common/base/journal_record.h"

namespace waxwing::durable {

namespace {
using Kind = BatchParts::Move::Kind;

Result<std::uint64_t> size_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0)
    return std::unexpected(system_error("cannot stat a file to be committed", errno));
  return static_cast<std::uint64_t>(status.st_size);
}

Result<> read_back(int fd, std::uint64_t size, std::uint64_t since, std::string_view name, std::string& out) {
  const auto at = out.size();
  char* const bytes = begin_content(out, since, name, size);
  TRY_VOID(read_at(fd, 0, bytes, size));
  end_content(out, at);
  return {};
}

// One file under several names, as a message for several mailboxes is, goes into the log once.
Result<> record_contents(const Journal& journal, const BatchParts& parts, std::uint64_t since,
                         std::string& out) {
  std::vector<struct stat> seen;
  for (const auto& content : parts.contents) {
    struct stat status {};
    if (::fstat(content.fd, &status) != 0)
      return std::unexpected(system_error("cannot stat " + content.path, errno));
    const auto name = journal.name_of(content.path);
    const auto same = std::ranges::find_if(seen, [&](const struct stat& other) {
      return other.st_dev == status.st_dev && other.st_ino == status.st_ino;
    });
    if (same != seen.end())
      encode_names(out, RecordType::linked,
                   journal.name_of(parts.contents[static_cast<std::size_t>(same - seen.begin())].path), name);
    else
      TRY_VOID(read_back(content.fd, static_cast<std::uint64_t>(status.st_size), since, name, out));
    seen.push_back(status);
  }
  return {};
}
// Where names have no order the log tells the bytes of an older file once more (journal_order.h).
Result<> record_link(const Journal& journal, const std::string& from, const std::string& to,
                     std::uint64_t since, std::string& out) {
  TRY(const auto lack, lack_of(journal, to));
  if (lack == Lack::bytes) {
    TRY(const bool there, is_there(to));
    if (there) {
      TRY(const auto file, open_file(to, O_RDONLY | O_NOFOLLOW));
      TRY(const auto size, size_of(file.get()));
      return read_back(file.get(), size, since, journal.name_of(to), out);
    }
  }
  encode_names(out, RecordType::linked, journal.name_of(from), journal.name_of(to));
  return {};
}

Result<> record_moves(const Journal& journal, const BatchParts& parts, std::uint64_t since,
                      std::string& out) {
  for (const auto& move : parts.moves) {
    const auto from = journal.name_of(move.from), to = journal.name_of(move.to);
    const bool content = is_content(parts, move.to);
    if (!content && move.kind == Kind::rename)
      encode_names(out, RecordType::renamed, from, to);
    else if (!content)
      TRY_VOID(record_link(journal, move.from, move.to, since, out));
    else if (move.kind == Kind::rename)
      // The content stands under its final name. To rename what is left of the temporary file onto it in a
      // replay would put back a file whose data never reached the disk.
      encode_name(out, RecordType::removed, from);
  }
  return {};
}
}  // namespace

Result<bool> goes_to_disk(const Journal& journal, const Batch& batch) {
  const BatchParts parts(batch);
  if (!parts.files.empty()) return true;
  for (const auto& content : parts.contents) {
    TRY(const auto size, size_of(content.fd));
    if (size > kLargeContent || !journal.covers(content.path)) return true;
  }
  for (const auto& move : parts.moves)
    if (!journal.covers(move.to) || !journal.covers(move.from)) return true;
  for (const auto& range : parts.ranges)
    if (!journal.covers(range.path)) return true;
  return false;
}

Result<> admit_batch(Journal& journal, const Batch& batch) {
  const BatchParts parts(batch);
  for (const auto& content : parts.contents) TRY_VOID(journal.admit(content.path));
  for (const auto& move : parts.moves) {
    TRY_VOID(journal.admit(move.from));
    TRY_VOID(journal.admit(move.to));
  }
  for (const auto& range : parts.ranges) TRY_VOID(journal.admit(range.path));
  for (const auto& path : parts.removed) TRY_VOID(journal.admit(path));
  return {};
}

Result<> record_batch(const Journal& journal, const Batch& batch, std::uint64_t since, std::string& out) {
  const BatchParts parts(batch);
  const auto before = out.size();
  auto read = record_contents(journal, parts, since, out);
  if (read) read = record_moves(journal, parts, since, out);
  if (!read) {
    out.resize(before);
    return read;
  }
  for (const auto& path : parts.removed)
    if (journal.covers(path)) encode_name(out, RecordType::removed, journal.name_of(path));
  return {};
}

// Where names have no order a link to a small file counts on the log for its bytes (journal_order.h).
Result<> record_small_contents(const Journal& journal, const Batch& batch, std::uint64_t since,
                               std::string& out) {
  if (journal.keeps_names_in_order()) return {};
  for (const auto& content : BatchParts(batch).contents) {
    TRY(const auto size, size_of(content.fd));
    if (size <= kCountedOn && journal.covers(content.path))
      TRY_VOID(read_back(content.fd, size, since, journal.name_of(content.path), out));
  }
  return {};
}

void record_standing(const Journal& journal, const Batch& batch, std::uint64_t since, std::string& out) {
  const BatchParts parts(batch);
  const auto stands = [&](const std::string& path) {
    if (journal.covers(path)) encode_stands(out, since, journal.name_of(path));
  };
  for (const auto& content : parts.contents) stands(content.path);
  for (const auto& move : parts.moves) {
    const bool ours = is_content(parts, move.from) || is_content(parts, move.to);
    if (move.kind == Kind::rename) {
      if (journal.covers(move.from)) encode_name(out, RecordType::removed, journal.name_of(move.from));
      stands(move.to);
    } else if (ours || !journal.covers(move.from)) {
      stands(move.to);
    } else if (journal.covers(move.to)) {
      // The name is on disk, but the bytes of from may be in the journal only.
      encode_names(out, RecordType::linked, journal.name_of(move.from), journal.name_of(move.to));
    }
  }
  for (const auto& path : parts.removed)
    if (journal.covers(path)) encode_name(out, RecordType::removed, journal.name_of(path));
}

void add_ranges(const Journal& journal, const Batch& batch, std::vector<const Range*>& ranges) {
  for (const auto& range : BatchParts(batch).ranges)
    if (journal.covers(range.path)) ranges.push_back(&range);
}

Result<> make_dirty_again(const Journal& journal, const Batch& batch) {
  const BatchParts parts(batch);
  for (const auto& content : parts.contents) TRY_VOID(journal.make_dirty_again(content.path));
  for (const auto& range : parts.ranges) TRY_VOID(journal.make_dirty_again(range.path));
  return {};
}

}  // namespace waxwing::durable
