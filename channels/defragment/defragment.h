// The defragment channel: pieces of messages (message/partial) wait in its queue until all of a message are there;
// then the message goes on in their place. What cannot be put together goes on as it is.
//
// The queue is all there is to know: what is in memory is read from it when the program starts. One program works on
// a channel at a time. Man page: defragment(8).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "channels/defragment/gathering.h"
#include "channels/resubmit/again.h"
#include "channels/resubmit/marked_channel.h"
#include "common/base/file.h"
#include "mta/submission/submission.h"

namespace waxwing::channels {

class Defragment : public MarkedChannel {
 public:
  static Result<std::unique_ptr<Channel>> create(MasterContext& context);

 private:
  Task<void> pass(Work& work, std::vector<std::size_t> recipients) override;
  // Whoever put it together may have died before the other pieces were called to their end.
  Task<void> had_gone_on(const Work& work, std::string queue_id) override;
  Defragment(MasterContext& context, std::shared_ptr<mta::Submitter> submitter);
  Result<> start();
  void take_up(const mta::queue::FileName& file);
  // With the whole; also where that cannot be known now.
  bool has_gone_on(const mta::queue::Reader& message);
  // Another file bears this number.
  Task<void> copy(Work& work, const std::string& key, const Piece& piece, PieceSet& set);
  Task<void> wait_or_go(Work& work, const std::string& key, const Piece& piece, PieceSet& set);
  Task<void> put_together(Work& work, const std::string& key, const Piece& piece, PieceSet& set);
  Task<mta::Verdict> send_whole(Work& work, const std::vector<mta::queue::FileName>& pieces,
                                std::string& queue_id);
  Task<void> done(Work& work, const std::string& key, PieceSet& set, const std::string& queue_id);
  // The pieces other than the work's own, to go on with it.
  Result<> take_along(const Work& work, const std::vector<mta::queue::FileName>& pieces, Onward& onward);
  Task<void> pass_on_alone(Work& work, std::string text);
  // This piece as it is, and the others of its set soon after it.
  Task<void> give_up(Work& work, const std::string& key, PieceSet& set);
  // The job controller is to give us the other pieces now.
  Task<void> call(std::string host);
  // The files as they are called now, by number, but those that are gone or held.
  Result<std::map<unsigned, mta::queue::FileName>> find(const PieceSet& set) const;
  std::int64_t timeout_ms() const;

  std::shared_ptr<mta::Submitter> submitter_;
  Gathering gathering_;
  std::string called_;  // queue id of the last message whose pieces were called to their end
  UniqueFd lock_;
};

}  // namespace waxwing::channels
