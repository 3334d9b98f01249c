#include "channels/resubmit/taken_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/is_there.h"
#include "common/base/path.h"

namespace waxwing::channels {

TakenMark::~TakenMark() {
  for (const auto& part : parts_)
    if (!part.draft.empty()) ::unlink(part.draft.c_str());
}

void TakenMark::add(Taken::Unit unit, Taken::Recipients recipients) {
  parts_.push_back({std::move(unit), std::move(recipients), {}, {}, {}});
}

// The number behind those of the commits before.
Result<> TakenMark::name(Part& part) const {
  for (unsigned number = 1;; ++number) {
    part.name = taken_.name_of(part.unit, number);
    TRY(const bool there, is_there(taken_.path_of(part.name)));
    if (!there) return {};
  }
}

// What lies there under the draft's name was looked at when the unit was taken.
Result<> TakenMark::write(Part& part, MarkRecord record) const {
  record.recipients = part.recipients;
  const auto& first = parts_.front();
  if (&part != &first)
    record.behind = first.name;
  else
    for (std::size_t i = 1; i < parts_.size(); ++i) record.with.push_back(parts_[i].name);
  part.draft = taken_.draft_of(part.name);
  TRY(part.fd, open_file(part.draft, O_RDWR | O_CREAT | O_TRUNC, 0640));
  return write_all(part.fd.get(), encode_mark(record));
}

Result<> TakenMark::join(durable::Batch& batch, const std::vector<File>& files) {
  TRY(const bool there, is_there(taken_.folder_));
  if (!there) {
    TRY_VOID(make_directories(taken_.folder_, 0750));
    batch.directory(parent_directory(taken_.folder_));
  }
  queue_id_ = files.front().name.id;
  MarkRecord record;
  record.run = taken_.run_.empty() ? "-" : taken_.run_;
  record.queue_id = queue_id_;
  const auto below = taken_.queue_->directory().size() + 1;
  for (const auto& file : files) record.files.push_back({file.name, file.temporary.substr(below)});
  for (auto& part : parts_) TRY_VOID(name(part));
  for (auto& part : parts_) {
    TRY_VOID(write(part, record));
    const auto path = taken_.path_of(part.name);
    batch.content(part.fd.get(), path).rename(part.draft, path);
  }
  return {};
}

Result<> TakenMark::take_back() {
  for (const auto& part : parts_) {
    const auto removed = durable::remove(taken_.path_of(part.name));
    if (removed) continue;
    // With it, whoever takes a unit next finishes what was begun.
    for (auto& each : parts_) each.draft.clear();
    return removed;
  }
  return {};
}

void TakenMark::stands() {
  for (auto& part : parts_) part.draft.clear();
  taken_.confirm(queue_id_);
}

}  // namespace waxwing::channels
