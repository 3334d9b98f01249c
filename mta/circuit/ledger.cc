#include "mta/circuit/ledger.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/durable.h"
#include "common/base/is_there.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/log/log.h"

namespace waxwing::mta::circuit {

namespace {
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kMostBytes = 1 << 20;
}  // namespace

Result<UniqueFd> Ledger::lock() const {
  TRY_VOID(make_directories(folder_));
  TRY(auto fd, open_file(folder_ + "/lock", O_RDWR | O_CREAT));
  while (::flock(fd.get(), LOCK_EX) != 0)
    if (errno != EINTR) return std::unexpected(system_error("cannot lock " + folder_ + "/lock", errno));
  return fd;
}

// Under the lock.
Result<> Ledger::write(const std::string& path, const std::string& text) const {
  const auto draft = path + "." + unique_id() + ".tmp";
  TRY(auto fd, open_file(draft, O_RDWR | O_CREAT | O_EXCL));
  durable::Batch batch;
  auto outcome = write_all(fd.get(), text);
  if (outcome) outcome = durable::commit(std::move(batch.content(fd.get(), path).rename(draft, path)));
  if (!outcome) ::unlink(draft.c_str());
  return outcome;
}

Result<std::string> Ledger::key() const {
  const auto path = folder_ + "/key";
  TRY(const auto held, lock());
  TRY(const bool there, is_there(path));
  if (!there) {
    auto fresh = random_bytes(kKeyBytes);
    TRY_VOID(write(path, to_hex(fresh) + "\n"));
    return fresh;
  }
  TRY(const auto text, read_file(path, kMostBytes));
  auto key = from_hex(trim(text));
  if (!key || key->size() != kKeyBytes)
    return permanent(path + " is damaged; remove it, and messages under way will not be known again");
  return std::move(*key);
}

Result<Record> Ledger::read(const std::string& circuit) const {
  const auto path = path_of(circuit);
  TRY(const bool there, is_there(path));
  if (!there) return Record();
  TRY(const auto text, read_file(path, kMostBytes));
  auto record = Record::parse(text);
  if (!record) return wrap(record.error(), path);
  return record;
}

Result<Record> Ledger::change(const std::string& circuit, std::int64_t now_ms,
                              const std::function<void(Record&)>& edit) const {
  TRY(const auto held, lock());
  auto known = read(circuit);
  if (!known && known.error().fault == Fault::temporary) return known;
  if (!known)
    log::Event("circuitcheck.record.damaged")
        .with("circuit", circuit)
        .with("why", known.error().text)
        .error();
  const bool fresh = !known || known->since_ms() == 0;
  auto record = fresh ? Record(now_ms) : *known;
  const auto before = record.text();
  edit(record);
  const auto after = record.text();
  if (fresh || before != after) TRY_VOID(write(path_of(circuit), after));
  return record;
}

}  // namespace waxwing::mta::circuit
