<?php
/**
 * A site's own proxy for the element <rotulo-etiquetas>, in plain PHP with php-curl.
 *
 * The browser sends the image here, to its own site; the key is added here and never leaves the
 * server. Put it where only people who are logged in can reach it: whoever can, uses your key.
 * ROTULO_URL and ROTULO_KEY are variables of the server's environment.
 */

declare(strict_types=1);

const MAX_BYTES = 20 * 1024 * 1024;

function refuse(int $status, string $slug, string $title): never
{
    http_response_code($status);
    header('Content-Type: application/problem+json');
    exit(json_encode(['type' => "urn:rotulo:problem:$slug", 'title' => $title, 'status' => $status]));
}

if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    header('Allow: POST');
    refuse(405, 'method-not-allowed', 'Método no permitido');
}
// A form of another site can post a picture too, though it cannot read the answer.
$from = $_SERVER['HTTP_SEC_FETCH_SITE'] ?? 'same-origin';
if ($from !== 'same-origin') {
    refuse(403, 'forbidden', 'Petición de otro sitio');
}
$image = file_get_contents('php://input', length: MAX_BYTES + 1);
if (strlen($image) > MAX_BYTES) {
    refuse(413, 'payload-too-large', 'Archivo demasiado grande');
}

// Only what the element asks for is passed on, never the whole query.
$query = http_build_query(array_intersect_key($_GET, ['lang' => 1, 'top_k' => 1]));
$passed = [];
$call = curl_init(getenv('ROTULO_URL') . '/v1/labels?' . $query);
curl_setopt_array($call, [
    CURLOPT_POST => true,
    CURLOPT_POSTFIELDS => $image,
    CURLOPT_HTTPHEADER => [
        'Content-Type: application/octet-stream',
        'Authorization: Bearer ' . getenv('ROTULO_KEY'),
    ],
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_CONNECTTIMEOUT => 5,
    CURLOPT_TIMEOUT => 60,
    CURLOPT_HEADERFUNCTION => function ($call, string $line) use (&$passed): int {
        if (preg_match('/^(content-type|retry-after):/i', $line)) {
            $passed[] = trim($line);
        }
        return strlen($line);
    },
]);
$answer = curl_exec($call);
if ($answer === false) {
    refuse(502, 'no-service', 'El servicio de etiquetas no responde');
}
http_response_code(curl_getinfo($call, CURLINFO_RESPONSE_CODE));
foreach ($passed as $line) {
    header($line);
}
echo $answer;
