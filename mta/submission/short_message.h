// A message that a program has written itself, to one recipient: handed over in one step.
#pragma once

#include <string>

#include "mta/submission/submission.h"

namespace waxwing::mta {

struct ShortMessage {
  std::string sender, recipient;  // without angle brackets; no sender: the null sender
  SenderOptions options;
  RecipientOptions wishes;
  std::string text;  // all of it, CRLF
};

// The first answer that is not ok(), and nothing is queued then; else that of finish().
Task<Verdict> submit(Submission& submission, ShortMessage message);

}  // namespace waxwing::mta
