// A channel that queues anew what it takes from the queue, each message once: it looks at the marks (taken.h) first, and
// lets them go.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "channels/master/master.h"
#include "channels/resubmit/taken_mark.h"

namespace waxwing::channels {

Taken::Unit unit_of(const mta::queue::Reader& message, const std::string& host);
Taken::Unit unit_of(const Work& work);

class MarkedChannel : public Channel {
 public:
  Task<void> deliver(Work& work) final;
  Task<void> idle() override;
  void left_queue(const Work& work) final;

 protected:
  // gone_on: what is said of recipients that have gone on before.
  MarkedChannel(MasterContext& context, std::string gone_on);
  // Those that have not gone on. What queues them anew has a TakenMark of unit_of(work) and theirs in its commit.
  virtual Task<void> pass(Work& work, std::vector<std::size_t> recipients) = 0;
  // Some of it have gone on before, as that.
  virtual Task<void> had_gone_on(const Work& work, std::string queue_id);

  MasterContext& context_;
  Taken taken_;

 private:
  Task<std::vector<std::size_t>> those_left(Work& work);

  const std::string gone_on_;
  std::int64_t clean_again_ms_ = 0;  // monotonic
};

}  // namespace waxwing::channels
