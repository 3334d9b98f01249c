// The mark (taken.h) of one commit, for one unit of work or several.
//
//   TakenMark mark(taken);
//   mark.add(unit_of(work), recipients);
//   submission.commit_with(&mark);
#pragma once

#include <string>
#include <vector>

#include "channels/resubmit/taken.h"
#include "common/base/file.h"
#include "mta/queue/companion.h"

namespace waxwing::channels {

class TakenMark : public mta::queue::Companion {
 public:
  explicit TakenMark(Taken& taken) : taken_(taken) {}
  TakenMark(const TakenMark&) = delete;
  ~TakenMark() override;
  void add(Taken::Unit unit, Taken::Recipients recipients);

  Result<> join(durable::Batch& batch, const std::vector<File>& files) override;
  Result<> take_back() override;
  void stands() override;

 private:
  struct Part {
    Taken::Unit unit;
    Taken::Recipients recipients;
    UniqueFd fd;
    std::string name, draft;
  };
  Result<> name(Part& part) const;
  Result<> write(Part& part, MarkRecord record) const;

  Taken& taken_;
  std::string queue_id_;
  std::vector<Part> parts_;
};

}  // namespace waxwing::channels
